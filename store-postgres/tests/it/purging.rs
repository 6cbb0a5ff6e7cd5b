//! Tests purges on tables of a shape that the suite does not create.

use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_store_postgres::PostgresStore;
use sqlx::PgConnection;

use crate::support::{
    ask, at, connection, fresh, own_server, put, record, say, schema, server, store, until,
};

/// Creates two partitions of each table, as an administrator of a large installation would.
async fn partition(on: &mut PgConnection, schema: &str) {
    for (table, key) in [("tokens", "selector"), ("epochs", "subject")] {
        let table = format!("{schema}.hallpass_{table}");
        let old = format!("{schema}.old_{key}");
        say(&mut *on, format!("alter table {table} rename to old_{key}")).await;
        say(&mut *on, format!("create table {table} (like {old}) partition by hash ({key})")).await;
        say(&mut *on, format!("drop table {old}; alter table {table} add primary key ({key})")).await;
        for part in 0..2 {
            let of = format!("partition of {table} for values with (modulus 2, remainder {part})");
            say(&mut *on, format!("create table {table}_{part} {of}")).await;
        }
    }
}

#[tokio::test]
async fn a_purge_of_a_partitioned_table_takes_what_is_due_and_nothing_else() {
    let Some((server, schema, store)) = fresh().await else { return };
    let mut on = connection(server.url()).await;
    partition(&mut on, &schema).await;
    let (mut due, mut live) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        due.push(record("alice"));
        let mut later = record("bob");
        later.purge_at = at(80_000_000);
        live.push(later);
    }
    for record in due.iter().chain(&live) {
        put(&store, record).await;
    }
    let fill = format!(
        "insert into {schema}.hallpass_epochs (subject, epoch, purge_at) select 'user ' || n, '\\x00', "
    );
    say(&mut on, format!("{fill} '1970-01-01' from generate_series(1, 100) n")).await;
    say(&mut on, format!("{fill} '2970-01-01' from generate_series(101, 200) n")).await;
    let purged = store.purge_expired(at(3_000_000), 1_000).await.unwrap();
    assert_eq!((purged.removed, purged.more), (100, false));
    for record in &live {
        assert!(store.find(record.selector).await.unwrap().is_some(), "a live session was removed");
    }
    assert_eq!(ask(&mut on, format!("select count(*) from {schema}.hallpass_epochs")).await, 100);
}

/// An error would mean that nothing was removed.
#[tokio::test]
async fn what_was_removed_is_told_though_the_time_is_over() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| {
        let slow = "from hallpass_tokens, pg_sleep(30)";
        builder.timeout(Duration::from_secs(2)).patched("due.sql", "from hallpass_tokens", slow)
    })
    .await;
    let mut later = record("bob");
    later.purge_at = at(80_000_000);
    for record in [&record("alice"), &later] {
        put(&store, record).await;
    }
    let purged = store.purge_expired(at(3_000_000), 10).await.unwrap();
    assert_eq!((purged.removed, purged.more), (1, true));
}

/// Runs all other operations on a partitioned table.
#[tokio::test]
async fn a_partitioned_table_is_as_good_as_any() {
    let Some((server, schema, store)) = fresh().await else { return };
    partition(&mut connection(server.url()).await, &schema).await;
    crate::support::a_login_lives_and_ends(&store).await;
}

const ROWS: i64 = 20_000;
const AT_ONCE: u32 = 500;

/// Returns how many entries of the index by `purge_at` are read while `ROWS` due records are removed and an
/// old snapshot keeps every entry of a removed row in the index.
async fn read_entries(url: &str) -> i64 {
    let schema = schema();
    let store = store(url, &schema, |builder| builder).await;
    let (mut on, mut reader) = (connection(url).await, connection(url).await);
    put(&store, &record("alice")).await;
    let columns = "created_at, updated_at, seen_at, expires_at, revision, generation, idle_at, revoked, login, kind, \
                   subject, device, body, purpose, era";
    let more = format!(
        "insert into {schema}.hallpass_tokens (selector, purge_at, {columns}) \
         select decode(md5(n::text), 'hex'), purge_at + n * interval '1 ms', {columns} \
         from {schema}.hallpass_tokens, generate_series(1, {ROWS} - 1) n"
    );
    say(&mut on, more).await;
    say(&mut on, format!("analyze {schema}.hallpass_tokens")).await;
    say(&mut reader, "begin isolation level repeatable read").await;
    assert_eq!(ask(&mut reader, format!("select count(*) from {schema}.hallpass_tokens")).await, ROWS);
    assert_eq!(purge(&store).await, ROWS as u64);
    store.close().await;
    let of = format!(
        "from pg_stat_user_indexes where schemaname = '{schema}' and indexrelname = 'hallpass_by_purge_at'"
    );
    // A backend reports its counts when it ends, at the latest.
    until("the reads are counted", async || ask(&mut on, format!("select idx_tup_read {of}")).await >= ROWS)
        .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    ask(&mut on, format!("select idx_tup_read {of}")).await
}

async fn purge(store: &PostgresStore) -> u64 {
    let mut removed = 0;
    loop {
        let purged = store.purge_expired(at(80_000_000), AT_ONCE).await.unwrap();
        removed += purged.removed;
        if !purged.more {
            return removed;
        }
    }
}

/// If each began at the start, 40 purges would read 20 times the number of rows, and the checks for more due
/// rows as many again.
#[tokio::test]
async fn a_purge_under_an_old_snapshot_begins_where_the_last_one_ended() {
    let Some(server) = own_server() else { return };
    let read = read_entries(server.url()).await;
    assert!(read <= 6 * ROWS, "{read} entries of an index were read to remove {ROWS} rows");
}
