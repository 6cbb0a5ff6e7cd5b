-- Version 5: a revocation in one round trip that announces what it ends. `Builder::without_functions` leaves this out.
--
-- hallpass_revoke stays for older releases. This function has another name, so that a migration of an older release
-- that is run again does not bring back one that announces nothing.
--
-- It does what the transaction of set_epoch.sql and repeated remove.sql or mark.sql does. At "read committed",
-- each statement of a volatile function has its own snapshot: the first sweep waits for the inserts that hold
-- a fence, and the next one sees what they inserted. With one snapshot for all of them it would not, so any
-- other isolation is refused.

create or replace function hallpass_end(
    whose text, any_of_kinds text[], any_of_purposes smallint[], only_login bytea, except_login bytea,
    at_most bigint, reason smallint, ended_at timestamptz, new_epoch bytea, kept_until timestamptz
) returns bigint language plpgsql volatile as $$
declare
    ended bigint := 0;
    found_now bigint;
    gone bytea[] := '{}';
    gone_now bytea[];
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = '25001', message = 'not read committed';
    end if;
    if new_epoch is not null then
        insert into hallpass_epochs as e (subject, epoch, purge_at)
        values (whose, new_epoch, kept_until)
        on conflict (subject) do update
        set epoch = excluded.epoch, purge_at = greatest(e.purge_at, excluded.purge_at);
    end if;
    for sweep in 1..16 loop
        if reason is null and only_login is not null then
            -- A login has few rows. Locking them first, in order and at most at_most of them, would cost half
            -- as much again. If a call locks the same rows in another order, the server undoes one of the two
            -- calls, and it is repeated. If there are too many rows, the deletion is undone below.
            with done as (
                delete from hallpass_tokens
                where subject = whose
                    and login = only_login
                    and (any_of_kinds is null or kind = any (any_of_kinds))
                    and (any_of_purposes is null or purpose = any (any_of_purposes))
                returning selector, purpose
            )
            select count(*), array_agg(selector) filter (where purpose <> 3) into found_now, gone_now from done;
        elsif reason is null then
            with held as materialized (
                select selector
                from hallpass_tokens
                where subject = whose
                    and (any_of_kinds is null or kind = any (any_of_kinds))
                    and (any_of_purposes is null or purpose = any (any_of_purposes))
                    and (except_login is null or login <> except_login)
                order by selector
                limit at_most + 1
                for update
            ),
            done as (
                delete from hallpass_tokens t
                using held h
                where t.selector = h.selector
                returning t.selector, t.purpose
            )
            select count(*), array_agg(selector) filter (where purpose <> 3) into found_now, gone_now from done;
        else
            with held as materialized (
                select selector
                from hallpass_tokens
                where subject = whose
                    and (any_of_kinds is null or kind = any (any_of_kinds))
                    and (any_of_purposes is null or purpose = any (any_of_purposes))
                    and (only_login is null or login = only_login)
                    and (except_login is null or login <> except_login)
                    and revoked = 0
                order by selector
                limit at_most + 1
                for no key update
            ),
            done as (
                update hallpass_tokens t
                set revoked = reason, idle_at = null, purge_at = expires_at,
                    updated_at = greatest(updated_at, ended_at), revision = least(revision + 1, 9007199254740991)
                from held h
                where t.selector = h.selector
                    and t.revoked = 0
                returning t.selector, t.purpose
            )
            select count(*), array_agg(selector) filter (where purpose <> 3) into found_now, gone_now from done;
        end if;
        if found_now = 0 then
            -- The look at hallpass_feed must be part of the insert: delete.sql says why.
            if cardinality(gone) > 0 then
                insert into hallpass_changes (announced)
                select string_agg(word, '')
                from (
                    select distinct case when cardinality(gone) > 100
                        then '\x02'::bytea || substr(selector, 1, 2) else '\x01'::bytea || selector end as word
                    from unnest(gone) as g (selector)
                    where exists (select from hallpass_feed)
                ) as words
                having count(*) > 0;
            end if;
            return ended;
        end if;
        if found_now > at_most then
            raise exception using errcode = '54000', message = 'more than at_most';
        end if;
        ended := ended + found_now;
        gone := gone || gone_now;
    end loop;
    -- Undoes everything: children were inserted while each of the sweeps waited.
    raise exception using errcode = '40001', message = 'rows were found to the end';
end $$;

-- If this file is run by hand, the tables' names have no schema, and the function looks for them where it was
-- created. If the names have a schema, the function does without this setting, which costs each call 8 µs.
do $$ begin
    if strpos('hallpass_tokens', '.') = 0 then
        alter function hallpass_end set search_path from current;
    end if;
end $$;

comment on function hallpass_end is 'hallpass: ends the records of a subject that match, announces them, and sets its epoch; nothing is done if there are more than at_most';

insert into hallpass_schema (version, compatible) values (5, 1) on conflict do nothing;
