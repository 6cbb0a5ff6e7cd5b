-- $1 xmax of the last poll's snapshot, $2 the transactions that were in progress then, as '{…}'. Returns the feed's
-- row, this snapshot, what was announced since, and the table's file, which is another one after a truncation. No row:
-- the tables were emptied, or the server has restarted.
--
-- A transaction that was over at the last poll was heard then. Any other is at or above xmax, or was in progress. Two
-- subqueries, because OR would read the table from end to end. The parameters come as text, and so do the results, for
-- poolers that allow plain statements only.
select
    f.id::text, f.pass, pg_current_snapshot()::text,
    (select string_agg(announced, '') from hallpass_changes where xid >= $1::text::xid8),
    (select string_agg(announced, '') from hallpass_changes where xid = any ($2::text::xid8[])),
    pg_relation_filenode('hallpass_changes')::bigint
from hallpass_feed f
where f.started = pg_postmaster_start_time()
