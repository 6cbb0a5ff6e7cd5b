-- purge.sql for epochs.
with gone as (
    delete from hallpass_epochs
    where subject = any (array (
        select subject from hallpass_epochs
        where purge_at <= $1
            and purge_at >= $3
        order by purge_at
        limit $2
        for update skip locked
    ))
    returning purge_at
)
select count(*), max(purge_at) from gone
