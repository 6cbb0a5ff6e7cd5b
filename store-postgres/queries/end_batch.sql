-- replace_batch.sql with $12, which of the writes end their records. These are announced as in delete.sql, in one row.
with want as (
    select * from unnest($1::bytea[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
        $6::timestamptz[], $7::smallint[], $8::bigint[], $9::bigint[], $10::text[], $11::bytea[], $12::boolean[])
        as w (selector, expected, updated_at, seen_at, idle_at, purge_at, revoked, revision, generation, device,
            body, ends)
),
held as materialized (
    select w.*
    from want w
    join hallpass_tokens t on t.selector = w.selector
    where t.revision = w.expected
        and t.revoked = 0
    order by t.selector
    for no key update of t skip locked
),
written as (
    update hallpass_tokens t
    set updated_at = h.updated_at, seen_at = h.seen_at, idle_at = h.idle_at, purge_at = h.purge_at,
        revoked = h.revoked, revision = h.revision, generation = h.generation, device = h.device, body = h.body
    from held h
    where t.selector = h.selector
        and t.revision = h.expected
        and t.revoked = 0
    returning t.selector, t.purpose, h.ends
),
told as (
    insert into hallpass_changes (announced)
    select string_agg('\x01'::bytea || selector, '')
    from written
    where ends
        and purpose <> 3
        and (exists (select from hallpass_feed) or current_setting('transaction_isolation') <> 'read committed')
    having count(*) > 0
)
select selector, 1::smallint from written
union all
select w.selector,
    case
        when t.selector is null then 3::smallint
        when t.revision <> w.expected or t.revoked <> 0 then 2::smallint
    end
from want w
left join hallpass_tokens t on t.selector = w.selector
where w.selector not in (select selector from written)
