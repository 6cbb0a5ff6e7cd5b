-- replace.sql for a write that ends the record, which is announced as in delete.sql. Returns how many rows were
-- written.
with done as (
    update hallpass_tokens
    set updated_at = $3, seen_at = $4, idle_at = $5, purge_at = $6, revoked = $7, revision = $8,
        generation = $9, device = $10, body = $11
    where selector = $1
        and revision = $2
        and revoked = 0
    returning selector, purpose
),
told as (
    insert into hallpass_changes (announced)
    select '\x01'::bytea || selector
    from done
    where purpose <> 3
        and (exists (select from hallpass_feed) or current_setting('transaction_isolation') <> 'read committed')
)
select count(*) from done
