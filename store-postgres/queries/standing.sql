-- The feed's row on this server, and whether it waits for synchronous standbys.
select id::text, current_setting('synchronous_standby_names') <> ''
from hallpass_feed
where started = pg_postmaster_start_time()
