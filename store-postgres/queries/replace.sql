-- $1 selector, $2 the expected revision. One statement, so that nothing comes between the comparison and the
-- write. An ended row never matches. No row is created.
update hallpass_tokens
set updated_at = $3, seen_at = $4, idle_at = $5, purge_at = $6, revoked = $7, revision = $8,
    generation = $9, device = $10, body = $11
where selector = $1
    and revision = $2
    and revoked = 0
