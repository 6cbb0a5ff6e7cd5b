-- $1 the number of a process, $2 when it started. Returns whether it is still working. A process that waits
-- for its client, because its answer was lost on the way, is ended. The column "state" would show that only
-- with `track_activities` on.
select case when wait_event_type = 'Client' then not pg_terminate_backend(pid) else true end
from pg_stat_activity
where pid = $1
    and backend_start = $2
