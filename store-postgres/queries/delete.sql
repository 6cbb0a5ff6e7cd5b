-- $1 the selector. Returns how many rows were deleted, and announces them if there may be a feed.
--
-- Whether there may be a feed is asked in the statement that announces, under "read committed". Such a statement locks
-- hallpass_changes before it takes its snapshot, and keeps the lock until its transaction ends. A feed that was just
-- opened waits for the transactions that hold this lock (writers.sql). A transaction that locks the table later sees
-- the feed's row. Under another isolation the snapshot may be older than the lock, and everything is announced.
with done as (
    delete from hallpass_tokens where selector = $1
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
