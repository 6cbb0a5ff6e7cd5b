-- Version 1: the tables. PostgreSQL 13 or later.
--
-- `migrate()` runs this file with the configured names in place of hallpass_…. To run it yourself:
-- psql -v ON_ERROR_STOP=1 --single-transaction -c 'set search_path = auth' -f 0001_tables.sql
-- It may be run again.

create table if not exists hallpass_schema (
    version integer primary key,
    -- The oldest version that a program must know to work on these tables. An older release can start again
    -- after a newer one has migrated, unless the migration breaks it.
    compatible integer not null,
    applied_at timestamptz not null default now()
);

-- One row for each chain of tokens. Columns of fixed width come first, which saves 7 bytes of padding in each
-- row. 20 % of each page stay free, so that the next version of an updated row fits on the same page (HOT).
-- Then no index is written: of the columns that change, only purge_at is indexed, and it rarely changes.
create table if not exists hallpass_tokens (
    created_at timestamptz not null,
    updated_at timestamptz not null,
    seen_at timestamptz not null,
    expires_at timestamptz not null,
    purge_at timestamptz not null,
    revision bigint not null,
    generation bigint not null,
    era bigint not null,
    idle_at timestamptz,
    revoked smallint not null,
    purpose smallint not null,
    selector bytea not null,
    login bytea not null,
    kind text collate "C" not null,
    subject text collate "C",
    device text collate "C" not null,
    body bytea not null,
    constraint hallpass_tokens_pkey primary key (selector),
    -- A list shows a damaged row by its place, and the next page begins after that place. So every place must
    -- be valid.
    constraint hallpass_tokens_place check (
        octet_length(selector) = 16
        and created_at >= '1970-01-01 00:00:00+00'
        and created_at <= '9999-12-31 23:59:59.999999+00'
    )
) with (fillfactor = 80);

-- Lists, newest first, and revocations.
create index if not exists hallpass_by_subject
    on hallpass_tokens (subject, created_at, selector) where subject is not null;

create index if not exists hallpass_by_purge_at on hallpass_tokens (purge_at);

create table if not exists hallpass_epochs (
    subject text collate "C" not null,
    epoch bytea not null,
    purge_at timestamptz not null,
    constraint hallpass_epochs_pkey primary key (subject)
);

create index if not exists hallpass_epochs_by_purge_at on hallpass_epochs (purge_at);

insert into hallpass_schema (version, compatible) values (1, 1) on conflict do nothing;
