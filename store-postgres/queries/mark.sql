-- $1 subject, $2 kinds or null, $3 purposes or null, $4 the only login or null, $5 the login left out or
-- null, $6 the most rows (one more is marked, to show that there are more), $7 the reason, $8 the instant.
with held as materialized (
    select selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::smallint[] is null or purpose = any ($3))
        and ($4::bytea is null or login = $4)
        and ($5::bytea is null or login <> $5)
        and revoked = 0
    order by selector
    limit $6 + 1
    for no key update
)
update hallpass_tokens t
set revoked = $7, idle_at = null, purge_at = expires_at, updated_at = greatest(updated_at, $8),
    revision = least(revision + 1, 9007199254740991)
from held h
where t.selector = h.selector
    and t.revoked = 0
