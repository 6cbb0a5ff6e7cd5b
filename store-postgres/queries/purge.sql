-- $1 the present instant, $2 how many at most. Nodes that purge at once share the work: none waits for a row
-- that another removes.
delete from hallpass_tokens
where ctid = any (array (
    select ctid from hallpass_tokens
    where purge_at <= $1
    order by purge_at
    limit $2
    for update skip locked
))
