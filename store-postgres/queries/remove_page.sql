-- $1 subject, $2 kinds or null, $3 purposes or null, $4 the only login or null, $5 the login left out or
-- null, $6 the length of the page, $7 and $8 the place after which it begins. Announces what it ends as
-- remove.sql does.
with page as materialized (
    select created_at, selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::smallint[] is null or purpose = any ($3))
        and ($4::bytea is null or login = $4)
        and ($5::bytea is null or login <> $5)
        and (created_at, selector) > ($7, $8)
    order by created_at, selector
    limit $6
),
held as materialized (
    select selector
    from hallpass_tokens
    where selector = any (array (select selector from page))
    order by selector
    for update
),
ended as (
    delete from hallpass_tokens t
    using held h
    where t.selector = h.selector
    returning t.selector, t.purpose
),
told as (
    insert into hallpass_changes (announced)
    select string_agg(word, '')
    from (
        select distinct case when (select count(*) from ended) > 100
            then '\x02'::bytea || substr(selector, 1, 2) else '\x01'::bytea || selector end as word
        from ended
        where purpose <> 3
            and (exists (select from hallpass_feed)
                or current_setting('transaction_isolation') <> 'read committed')
    ) as words
    having count(*) > 0
)
select (select count(*) from ended), (select count(*) from page), created_at, selector
from page
order by created_at desc, selector desc
limit 1
