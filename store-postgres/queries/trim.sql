-- $1 the most rows. Removes announcements that no feed needs, and returns how many. Without the feed's row it removes
-- what is over: a feed that is opened now will begin after that. Nodes that trim at the same time share the work.
with gone as (
    delete from hallpass_changes
    where ctid = any (array (
        select ctid from hallpass_changes
        where xid < coalesce(
            (select trim_before from hallpass_feed where started = pg_postmaster_start_time()),
            pg_snapshot_xmin(pg_current_snapshot()))
        order by xid
        limit $1
        for update skip locked
    ))
    returning 1
)
select count(*) from gone
