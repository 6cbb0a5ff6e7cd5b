-- $1 the selector. Always returns one row, with whether the server is a standby: nothing that a standby
-- reports is used, not even that a record is missing.
select
    t.selector, t.subject, t.kind, t.login, t.created_at, t.updated_at, t.seen_at, t.expires_at, t.idle_at, t.purge_at,
    t.revoked, t.revision, t.generation, t.device, t.body, t.purpose, t.era,
    server.is_standby
from (select pg_is_in_recovery() as is_standby) as server
left join hallpass_tokens t on t.selector = $1
