-- $1 the present instant, $2 where to begin. Whether anything is left to purge: the first of the index tells, while
-- "exists" is planned as if a third of the rows were due, and reads the table.
select coalesce(min(purge_at) <= $1, false) from hallpass_tokens where purge_at >= $2
