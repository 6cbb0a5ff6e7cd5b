-- $1 subject, $2 kinds or null, $3 the only login or null, $4 the login left out or null, $5 the instant at
-- which it must be live or null, $6 how many of the newest logins are spared.
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
    order by selector
    for update
)
delete from hallpass_tokens t
using held h
where t.selector = h.selector
