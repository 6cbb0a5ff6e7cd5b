-- Version 4: what ended is announced, for near caches.
--
-- A statement that ends records inserts one row into hallpass_changes, in the same transaction, if hallpass_feed
-- has its row. The first feed inserts that row; so where there never was a feed, nothing is announced.
--
-- Both tables are unlogged. After a crash, and on a promoted standby, both are empty. A feed that does not find the
-- row that it knows has missed endings, and says so. A row that came with a dump or with a copy of the server counts
-- transactions of another server; so a row counts only until the server starts again.
--
-- A release that does not know this version announces nothing. It may still start again after this migration; once
-- the first feed was opened, it may not.

create unlogged table if not exists hallpass_changes (
    -- The transaction, as snapshots name it: of a subtransaction the one around it.
    xid xid8 not null default pg_current_xact_id(),
    announced bytea not null
) with (toast_tuple_target = 8160);

-- Selectors are random: compressing them costs time and saves nothing.
alter table hallpass_changes alter column announced set storage external;

create index if not exists hallpass_changes_by_xid on hallpass_changes (xid);

create unlogged table if not exists hallpass_feed (
    only_row boolean not null default true,
    id uuid not null default gen_random_uuid(),
    ready boolean not null default false,
    pass bigint not null default 0,
    snap pg_snapshot not null default pg_current_snapshot(),
    trim_before xid8 not null default '0',
    at timestamptz not null default now(),
    started timestamptz not null default pg_postmaster_start_time(),
    constraint hallpass_feed_pkey primary key (only_row),
    constraint hallpass_feed_is_one_row check (only_row)
);

comment on table hallpass_changes is 'hallpass: what ended in the last minutes; do not delete rows while there are near caches';
comment on column hallpass_changes.xid is 'the transaction that ended it';
comment on column hallpass_changes.announced is 'any number of these: 01 and a selector, or 02 and the two bytes with which selectors begin';
comment on table hallpass_feed is 'hallpass: one row if there was a feed since the last crash; without it nothing is announced';
comment on column hallpass_feed.id is 'drawn anew if the tables were emptied, and after each start of the server';
comment on column hallpass_feed.ready is 'whether every transaction announces what it ends: those that did not see this row are over';
comment on column hallpass_feed.pass is 'counts the steps of trimming, a minute or more apart';
comment on column hallpass_feed.snap is 'which transactions were over at the last step';
comment on column hallpass_feed.trim_before is 'announcements of older transactions may be removed: they were over at the step before the last';
comment on column hallpass_feed.at is 'when the last step was';
comment on column hallpass_feed.started is 'when the server started that this row is of';

insert into hallpass_schema (version, compatible) values (4, 1) on conflict do nothing;
