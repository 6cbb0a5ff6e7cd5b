delete from hallpass_epochs
where ctid = any (array (
    select ctid from hallpass_epochs
    where purge_at <= $1
    order by purge_at
    limit $2
    for update skip locked
))
