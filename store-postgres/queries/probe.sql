-- Commits a message without a reader, which waits for the synchronous standbys. As a block, because a plain statement's
-- time limit does not apply to its commit. If the limit cancels the wait, the block goes on as if they had answered.
do $$ begin
    perform pg_logical_emit_message(true, 'hallpass', ''::text);
    commit;
    if clock_timestamp() >= statement_timestamp() + current_setting('statement_timeout')::interval then
        raise exception using errcode = '57014', message = 'not confirmed in time';
    end if;
end $$
