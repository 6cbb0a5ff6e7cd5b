-- The server's process behind this connection: its number, and when it began, as numbers are used again.
select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()
