-- Inserts the row that makes every statement announce what it ends, or puts it in place of one that is not of this
-- server or not of this start of it.
insert into hallpass_feed as f (only_row) values (true)
on conflict (only_row) do update
set id = excluded.id, ready = excluded.ready, pass = excluded.pass, snap = excluded.snap,
    trim_before = excluded.trim_before, at = excluded.at, started = excluded.started
where f.started <> pg_postmaster_start_time()
