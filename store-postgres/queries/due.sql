-- $1 the present instant, $2 where to begin. Returns whether any row is left to purge. The minimum is the
-- first entry of the index; "exists" would be planned as if a third of the rows were due, and would read the
-- table.
select coalesce(min(purge_at) <= $1, false) from hallpass_tokens where purge_at >= $2
