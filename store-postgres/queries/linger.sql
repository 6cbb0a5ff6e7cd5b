-- $1 the number of a process, $2 when it began. Whether it is still at work. One that waits for us, because
-- its answer was lost on the way, is ended. Its state would tell that only where `track_activities` is on.
select case when wait_event_type = 'Client' then not pg_terminate_backend(pid) else true end
from pg_stat_activity
where pid = $1
    and backend_start = $2
