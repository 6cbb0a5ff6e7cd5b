-- $1 to $17 the row, $18 the epoch or null, $19 the parent's selector or null. The row of the fence is locked
-- until this commits. A call that ends it waits, and then sees what was inserted; or it was ended first, and
-- this statement waits and finds it changed. Without the lock, a row could slip in after the end.
with at_epoch as (
    select epoch from hallpass_epochs
    where subject = $2 and epoch = $18
    for share
),
under_parent as (
    select selector from hallpass_tokens
    where selector = $19 and revoked = 0
    for share
),
fence as (
    select $18::bytea is null and $19::bytea is null
        or exists (select from at_epoch)
        or exists (select from under_parent) as holds
),
done as (
    insert into hallpass_tokens (selector, subject, kind, login, created_at, expires_at, updated_at, seen_at,
        idle_at, purge_at, revoked, revision, generation, device, body, purpose, era)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
    from fence
    where holds
    on conflict (selector) do nothing
    returning selector
)
select holds, exists (select from done) from fence
