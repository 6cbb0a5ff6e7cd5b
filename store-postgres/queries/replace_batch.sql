-- replace.sql for many rows, each selector once. Returns those that were written. Does not wait for locks: a
-- row that another transaction has locked is left out. Otherwise it would block all the others, and two
-- batches could wait for each other in a circle. The caller repeats what was not written, one row at a time.
with held as materialized (
    select w.*
    from unnest($1::bytea[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
        $6::timestamptz[], $7::smallint[], $8::bigint[], $9::bigint[], $10::text[], $11::bytea[])
        as w (selector, expected, updated_at, seen_at, idle_at, purge_at, revoked, revision, generation, device,
            body)
    join hallpass_tokens t on t.selector = w.selector
    where t.revision = w.expected
        and t.revoked = 0
    order by t.selector
    for no key update of t skip locked
)
update hallpass_tokens t
set updated_at = h.updated_at, seen_at = h.seen_at, idle_at = h.idle_at, purge_at = h.purge_at,
    revoked = h.revoked, revision = h.revision, generation = h.generation, device = h.device, body = h.body
from held h
where t.selector = h.selector
    and t.revision = h.expected
    and t.revoked = 0
returning t.selector
