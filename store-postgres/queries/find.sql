-- $1 the selector. One row always: beside what the server knows stands whether it is a standby, so that nothing
-- is believed of one, not even that a record is gone.
select
    t.selector, t.subject, t.kind, t.login, t.created_at, t.updated_at, t.seen_at, t.expires_at, t.idle_at, t.purge_at,
    t.revoked, t.revision, t.generation, t.device, t.body, t.purpose, t.era,
    server.is_standby
from (select pg_is_in_recovery() as is_standby) as server
left join hallpass_tokens t on t.selector = $1
