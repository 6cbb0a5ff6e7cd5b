//! Prints how PostgreSQL plans each statement on 100,000 rows, and what a row takes on disk:
//! `cargo run -p hallpass-store-postgres --example explain`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool that prints plans")]

use hallpass_core::store::Announcer;
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::postgres;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// A tenth of the rows is due; a login has two records, a subject four.
const ROWS: &str = "
    insert into hallpass_tokens (selector, subject, kind, login, created_at, updated_at, seen_at, expires_at, idle_at,
        purge_at, revoked, revision, generation, device, body, purpose, era)
    select decode(md5(n::text), 'hex'), 'user-' || n % 25000, case n % 2 when 0 then 'session' else 'remember' end,
        decode(lpad(to_hex(n / 2), 16, '0'), 'hex'), at, at, at, at + interval '12 h', at + interval '30 min',
        at + interval '31 min', 0, 1, 0, 'Firefox on Linux', decode(repeat(md5(n::text), 4) || 'abcdabcdab', 'hex'),
        1, 0
    from (select n, timestamptz '2026-01-01' + n * interval '1 s' as at from generate_series(1, 100000) n) rows;
    insert into hallpass_changes (announced)
    select '\\x01'::bytea || decode(md5(n::text), 'hex') from generate_series(1, 10000) n;
    insert into hallpass_epochs select 'user-' || n, decode(md5(n::text), 'hex'), '2026-01-01 01:00'
    from generate_series(0, 999) n;
    analyze hallpass_tokens, hallpass_epochs, hallpass_changes";

const ROW_TYPES: &str = "bytea, text, text, bytea, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz, \
                         timestamptz, smallint, bigint, bigint, text, bytea, smallint, bigint";
const ONE: &str = "decode(md5('777'), 'hex')";
const MANY: &str = "array[decode(md5('1'), 'hex'), decode(md5('22'), 'hex'), decode(md5('333'), 'hex')]";
const ROW: &str = "'\\x00112233445566778899aabbccddeeff', 'user-7', 'session', '\\x0011223344556677', now(), now(), \
                   now(), now(), now(), now(), 0, 1, 0, '', '\\x00', 1, 0";

/// The types and values of the statement's arguments; `None` if it has no plan.
fn arguments(name: &str) -> Option<(String, String)> {
    let choice = "text, text[], smallint[], bytea, bytea, bigint";
    let chosen = "'user-7', null, null, null, null, 2000";
    let page = "timestamptz, bytea";
    let begin = "'-infinity', '\\x'";
    let changing =
        "timestamptz, timestamptz, timestamptz, timestamptz, smallint, bigint, bigint, text, bytea";
    let changed = "now(), now(), now(), '2026-01-01', 0, 2, 1, '', '\\x00'";
    let arrays =
        |types: &str| types.split(", ").map(|name| format!("{name}[]")).collect::<Vec<_>>().join(", ");
    let of_one = |types: &str, values: &str| {
        let pairs = types.split(", ").zip(values.split(", "));
        pairs.map(|(name, value)| format!("array[{value}]::{name}[]")).collect::<Vec<_>>().join(", ")
    };
    let (row, replaced) = (format!("{ROW_TYPES}, bytea, bytea"), format!("bytea, bigint, {changing}"));
    let (types, values) = match name {
        "set_epoch" => ("text, bytea, timestamptz".into(), "'user-7', '\\x00', now()".into()),
        "delete" | "find" => ("bytea".into(), ONE.into()),
        "due" => ("timestamptz, timestamptz".into(), "'2026-01-01 03:00', '-infinity'".into()),
        "epoch" => {
            ("text, bytea, timestamptz, timestamptz".into(), "'user-7', '\\x00', now(), '2026-01-01'".into())
        }
        "epoch_batch" => (
            arrays("text, bytea, timestamptz, timestamptz"),
            "array['user-7', 'user-8'], array['\\x00', '\\x01']::bytea[], array[now(), now()], \
             array['2026-01-01', '2026-01-01']::timestamptz[]"
                .into(),
        ),
        "exists" | "find_batch" => ("bytea[]".into(), MANY.into()),
        "insert" => (row, format!("{ROW}, decode(md5('7'), 'hex'), null")),
        "insert_batch" => (arrays(&row), of_one(&row, &format!("{ROW}, decode(md5('7')#'hex'), null"))),
        "list_by_subject" => (
            "text, text[], smallint[], timestamptz, bytea, bigint".into(),
            "'user-7', null, null, 'infinity', '\\x', 20".into(),
        ),
        "mark" => (format!("{choice}, smallint, timestamptz"), format!("{chosen}, 1, now()")),
        "mark_page" => {
            (format!("{choice}, {page}, smallint, timestamptz"), format!("{chosen}, {begin}, 1, now()"))
        }
        "purge" | "purge_epochs" => {
            ("timestamptz, bigint, timestamptz".into(), "'2026-01-01 03:00', 1000, '-infinity'".into())
        }
        "remove_page" => (format!("{choice}, {page}"), format!("{chosen}, {begin}")),
        "remove" => (choice.into(), chosen.into()),
        "replace" | "end" => (replaced, format!("{ONE}, 1, {changed}")),
        "end_batch" => (
            arrays(&format!("{replaced}, boolean")),
            of_one(&format!("{replaced}, boolean"), &format!("decode(md5('777')#'hex'), 1, {changed}, true")),
        ),
        "poll" => ("text, text".into(), "'9', '{8}'".into()),
        "trim" => ("bigint".into(), "1000".into()),
        "replace_batch" => {
            (arrays(&replaced), of_one(&replaced, &format!("decode(md5('777')#'hex'), 1, {changed}")))
        }
        _ => return None,
    };
    Some((types, values.replace('#', ", ")))
}

async fn say(on: &mut PgConnection, sql: impl Into<String>) {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(on).await.unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = postgres().unwrap();
    let store = PostgresStore::connect(server.url()).await.unwrap();
    store.migrate().await.unwrap();
    let mut on = PgConnection::connect(server.url()).await.unwrap();
    say(&mut on, ROWS).await;
    say(&mut on, "set plan_cache_mode = force_generic_plan").await;
    // From here on statements announce what they end.
    let _feed = store.feed().await.unwrap();
    for (name, sql) in store.statements() {
        let Some((types, values)) = arguments(name) else { continue };
        // A feed sets this for its polls.
        say(&mut on, format!("set enable_seqscan = {}", if name == "poll" { "off" } else { "on" })).await;
        say(&mut on, format!("prepare \"{name}\" ({types}) as {sql}")).await;
        say(&mut on, "begin").await;
        let explain =
            format!("explain (analyze, costs off, timing off, summary off) execute \"{name}\" ({values})");
        let plan = sqlx::query_scalar::<_, String>(AssertSqlSafe(explain))
            .persistent(false)
            .fetch_all(&mut on)
            .await;
        println!("{name}.sql\n  {}\n", plan.unwrap().join("\n  "));
        say(&mut on, "rollback").await;
    }
    say(&mut on, "vacuum full hallpass_tokens").await;
    for (what, sql) in [
        ("row", "select pg_relation_size('hallpass_tokens')"),
        ("primary key", "select pg_relation_size('hallpass_tokens_pkey')"),
        ("by subject", "select pg_relation_size('hallpass_by_subject')"),
        ("by purge_at", "select pg_relation_size('hallpass_by_purge_at')"),
        ("all", "select pg_total_relation_size('hallpass_tokens')"),
    ] {
        let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&mut on).await.unwrap();
        println!("{what}: {} bytes a row", bytes / 100_000);
    }
}
