-- The row that makes statements announce, if there is one since this server started.
select id::text, ready from hallpass_feed where started = pg_postmaster_start_time()
