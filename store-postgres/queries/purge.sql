-- $1 the present instant, $2 how many at most, $3 where to begin: what was removed before stays in the index for as
-- long as an old snapshot may want it, and is not read again. Nodes that purge at once share the work: none waits
-- for a row that another removes. By key, as a row's place is its own only within its partition.
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
