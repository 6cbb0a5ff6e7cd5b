-- The properties that the store requires of a server.
select current_setting('server_encoding'), pg_is_in_recovery()
