-- $1 subject, $2 the new epoch, $3 until when it is needed. Waits for the inserts that hold the old epoch;
-- the next statement sees what they inserted. In one statement with the sweep it would not.
insert into hallpass_epochs as e (subject, epoch, purge_at)
values ($1, $2, $3)
on conflict (subject) do update
set epoch = excluded.epoch, purge_at = greatest(e.purge_at, excluded.purge_at)
