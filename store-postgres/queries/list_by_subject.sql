-- $1 subject, $2 kinds or null, $3 and $4 the place after which the page begins, $5 its length.
select
    selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at, purge_at, revoked,
    revision, generation, device, body
from hallpass_tokens
where subject = $1
    and ($2::text[] is null or kind = any ($2))
    and (created_at, selector) < ($3, $4)
order by created_at desc, selector desc
limit $5
