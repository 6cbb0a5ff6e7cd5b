-- $1 the number of a process, $2 when it began. Whether it is still at work. One that has done its work and waits for
-- us, because its answer was lost on the way, is ended.
select case when state like 'idle%' then not pg_terminate_backend(pid) else true end
from pg_stat_activity
where pid = $1
    and backend_start = $2
