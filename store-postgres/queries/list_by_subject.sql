-- $1 subject, $2 kinds or null, $3 purposes or null, $4 and $5 the place after which the page begins, $6 its
-- length. Returns at least one row, as in find.sql.
select
    t.selector, t.subject, t.kind, t.login, t.created_at, t.updated_at, t.seen_at, t.expires_at, t.idle_at, t.purge_at,
    t.revoked, t.revision, t.generation, t.device, t.body, t.purpose, t.era,
    server.is_standby
from (select pg_is_in_recovery() as is_standby) as server
left join lateral (
    select * from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::smallint[] is null or purpose = any ($3))
        and (created_at, selector) < ($4, $5)
    order by created_at desc, selector desc
    limit $6
) t on true
order by t.created_at desc, t.selector desc
