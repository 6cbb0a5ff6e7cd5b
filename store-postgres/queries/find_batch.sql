-- $1 selectors. In any order, nothing for the unknown.
select
    selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at, purge_at, revoked,
    revision, generation, device, body
from hallpass_tokens
where selector = any ($1)
