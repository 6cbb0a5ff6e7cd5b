-- epoch.sql for many subjects, by their place in the arrays. A subject that occurs twice gets one row. An epoch that
-- another transaction sets cannot be left out, so the statement waits for it only briefly, and the caller then repeats
-- each subject by itself. (The setting holds until this commits.)
with want as (
    select * from unnest($1::text[], $2::bytea[], $3::timestamptz[], $4::timestamptz[])
        with ordinality as w (subject, fresh, until, enough, place)
),
ready as (
    select w.place, e.epoch
    from want w
    join hallpass_epochs e on e.subject = w.subject and e.purge_at >= w.enough
),
made as (
    insert into hallpass_epochs as e (subject, epoch, purge_at)
    select distinct on (subject collate "C") subject, fresh, until
    from want
    where place not in (select place from ready)
        and (select set_config('lock_timeout', '50ms', true)) is not null
    order by subject collate "C", until desc
    on conflict (subject) do update set purge_at = greatest(e.purge_at, excluded.purge_at)
    returning subject, epoch
)
select place, epoch from ready
union all
select w.place, m.epoch
from want w
join made m on m.subject = w.subject
where w.place not in (select place from ready)
