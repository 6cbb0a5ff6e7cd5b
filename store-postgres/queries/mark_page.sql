-- $1 subject, $2 kinds or null, $3 purposes or null, $4 the only login or null, $5 the login left out or
-- null, $6 the length of the page, $7 and $8 the place after which it begins, $9 the reason, $10 the instant.
-- Announces what it ends as mark.sql does.
with page as materialized (
    select created_at, selector
    from hallpass_tokens
    where subject = $1
        and ($2::text[] is null or kind = any ($2))
        and ($3::smallint[] is null or purpose = any ($3))
        and ($4::bytea is null or login = $4)
        and ($5::bytea is null or login <> $5)
        and revoked = 0
        and (created_at, selector) > ($7, $8)
    order by created_at, selector
    limit $6
),
held as materialized (
    select selector
    from hallpass_tokens
    where selector = any (array (select selector from page))
    order by selector
    for no key update
),
ended as (
    update hallpass_tokens t
    set revoked = $9, idle_at = null, purge_at = expires_at, updated_at = greatest(updated_at, $10),
        revision = least(revision + 1, 9007199254740991)
    from held h
    where t.selector = h.selector
        and t.revoked = 0
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
