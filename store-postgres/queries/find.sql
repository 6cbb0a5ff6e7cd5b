select
    selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at, purge_at, revoked,
    revision, generation, device, body
from hallpass_tokens
where selector = $1
