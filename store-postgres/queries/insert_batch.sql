-- insert.sql for many rows, each selector once. Returns for each what became of it: 1 inserted, 2 a duplicate, 3
-- fenced. Does not wait for a fence that another transaction has locked: its row is returned with null, and the caller
-- repeats it by itself.
with want as (
    select * from unnest($1::bytea[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[], $6::timestamptz[],
        $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::smallint[],
        $12::bigint[], $13::bigint[], $14::text[], $15::bytea[], $16::smallint[], $17::bigint[], $18::bytea[],
        $19::bytea[])
        as w (selector, subject, kind, login, created_at, expires_at, updated_at, seen_at, idle_at, purge_at,
            revoked, revision, generation, device, body, purpose, era, epoch, parent)
),
at_epoch as materialized (
    select w.selector
    from want w
    join hallpass_epochs e on e.subject = w.subject and e.epoch = w.epoch
    order by e.subject
    for share of e skip locked
),
under_parent as materialized (
    select w.selector
    from want w
    join hallpass_tokens p on p.selector = w.parent
    where p.revoked = 0
    order by p.selector
    for share of p skip locked
),
inserted as (
    insert into hallpass_tokens (selector, subject, kind, login, created_at, expires_at, updated_at, seen_at, idle_at,
        purge_at, revoked, revision, generation, device, body, purpose, era)
    select w.selector, w.subject, w.kind, w.login, w.created_at, w.expires_at, w.updated_at, w.seen_at, w.idle_at,
        w.purge_at, w.revoked, w.revision, w.generation, w.device, w.body,
        w.purpose, w.era
    from want w
    where w.epoch is null and w.parent is null
        or w.selector in (select selector from at_epoch)
        or w.selector in (select selector from under_parent)
    order by w.selector
    on conflict (selector) do nothing
    returning selector
)
select selector, 1::smallint from inserted
union all
select w.selector,
    case
        when w.epoch is not null
            and not exists (select from hallpass_epochs e where e.epoch = w.epoch and e.subject = w.subject)
            or w.parent is not null
            and not exists (select from hallpass_tokens p where p.selector = w.parent and p.revoked = 0)
            then 3::smallint
        when w.epoch is null and w.parent is null
            or exists (select from hallpass_tokens t where t.selector = w.selector)
            then 2::smallint
    end
from want w
where w.selector not in (select selector from inserted)
