-- $1 subject, $2 a fresh epoch, $3 until when it is needed, $4 until when an existing epoch must last to be
-- left as it is. Most calls write nothing.
with ready as (
    select epoch from hallpass_epochs
    where subject = $1 and purge_at >= $4
),
made as (
    insert into hallpass_epochs as e (subject, epoch, purge_at)
    select $1, $2, $3
    where not exists (select from ready)
    on conflict (subject) do update set purge_at = greatest(e.purge_at, excluded.purge_at)
    returning epoch
)
select epoch from ready
union all
select epoch from made
