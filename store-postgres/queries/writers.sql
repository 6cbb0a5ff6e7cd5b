-- The transactions that hold the lock of a statement that announces: they may have looked for the feed's row before
-- it was there.
select virtualtransaction
from pg_locks
where locktype = 'relation'
    and database = (select oid from pg_database where datname = current_database())
    and relation = 'hallpass_changes'::regclass
    and mode = 'RowExclusiveLock'
    and granted
