-- The server's process of this connection: its number, and when it started, because numbers are reused.
select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()
