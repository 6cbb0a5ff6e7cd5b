-- $1 subject, $2 kinds or null, $3 purposes or null, $4 the only login or null, $5 the login left out or
-- null, $6 the most rows (one more is removed, to show that there are more).
with held as materialized (
    select selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::smallint[] is null or purpose = any ($3))
        and ($4::bytea is null or login = $4)
        and ($5::bytea is null or login <> $5)
    order by selector
    limit $6 + 1
    for update
)
delete from hallpass_tokens t
using held h
where t.selector = h.selector
