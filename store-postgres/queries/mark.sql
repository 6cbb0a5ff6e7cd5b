-- $1 subject, $2 kinds or null, $3 the only login or null, $4 the login left out or null, $5 the instant at
-- which it must be live or null, $6 how many of the newest logins are spared.
-- $7 why, $8 when.
with newest as (
    select distinct on (login) login, created_at, selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::bytea is null or login = $3)
        and ($4::bytea is null or login <> $4)
        and ($5::timestamptz is null or revoked = 0 and expires_at > $5 and (idle_at is null or idle_at > $5))
    order by login, created_at desc, selector desc
),
spared as (
    select login from newest
    order by created_at desc, selector desc
    limit $6
),
held as materialized (
    select selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::bytea is null or login = $3)
        and ($4::bytea is null or login <> $4)
        and ($5::timestamptz is null or revoked = 0 and expires_at > $5 and (idle_at is null or idle_at > $5))
        and login not in (select login from spared)
        and revoked = 0
    order by selector
    for no key update
)
update hallpass_tokens t
set revoked = $7, idle_at = null, purge_at = expires_at, updated_at = greatest(updated_at, $8),
    revision = least(revision + 1, 9007199254740991)
from held h
where t.selector = h.selector
    and t.revoked = 0
