-- $1 the present instant, $2 the most rows, $3 where to begin. Removed rows stay in the index for as long as
-- an old snapshot may need them; beginning after them avoids reading them again. Nodes that purge at the same
-- time share the work: none waits for a row that another removes. Rows are deleted by key, because a ctid is
-- unique only within a partition.
with gone as (
    delete from hallpass_tokens
    where selector = any (array (
        select selector from hallpass_tokens
        where purge_at <= $1
            and purge_at >= $3
        order by purge_at
        limit $2
        for update skip locked
    ))
    returning purge_at
)
select count(*), max(purge_at) from gone
