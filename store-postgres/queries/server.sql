-- What a server must be.
select current_setting('server_encoding'), pg_is_in_recovery()
