-- $1 selectors. Returns the rows that exist in any order, and at least one row, as in find.sql.
select
    t.selector, t.subject, t.kind, t.login, t.created_at, t.updated_at, t.seen_at, t.expires_at, t.idle_at, t.purge_at,
    t.revoked, t.revision, t.generation, t.device, t.body, t.purpose, t.era,
    server.is_standby
from (select pg_is_in_recovery() as is_standby) as server
left join hallpass_tokens t on t.selector = any ($1)
