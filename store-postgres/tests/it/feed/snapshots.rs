//! Tests transactions that end in another order than they began.

use hallpass_core::store::{Record, TokenStore};
use hallpass_core::{Note, Selector};
use hallpass_store_postgres::PostgresStore;
use sqlx::PgConnection;

use super::ear::{Ear, Patch, patched};
use crate::support::{ask, connection, put, record, say, schema, server, store};

/// The statement with which the store deletes this record, for a transaction of the test's own.
pub(super) fn deletion(store: &PostgresStore, of: Selector) -> String {
    let (_, sql) = store.statements().into_iter().find(|(name, _)| *name == "delete").unwrap();
    sql.replace("$1", &format!("'\\x{of}'::bytea"))
}

/// Begins a transaction that has its id, and has written nothing yet.
pub(super) async fn begin(on: &mut PgConnection) {
    say(&mut *on, "begin").await;
    assert!(ask(&mut *on, "select pg_current_xact_id()::text::bigint").await > 0);
}

struct Scene {
    store: PostgresStore,
    records: Vec<Record>,
    ear: Ear,
    on: PgConnection,
}

impl Scene {
    async fn set(url: &str, patch: Option<Patch>) -> Self {
        let store = store(url, &schema(), |builder| patched(builder, patch)).await;
        let records: Vec<_> = (0..4).map(|_| record("alice")).collect();
        for record in &records {
            put(&store, record).await;
        }
        let ear = Ear::open(&store).await;
        Self { store, records, ear, on: connection(url).await }
    }

    async fn delete_now(&mut self, record: usize) -> Selector {
        let selector = self.records[record].selector;
        assert!(self.store.delete(selector, &Note::none()).await.unwrap());
        selector
    }

    async fn delete_in_transaction(&mut self, record: usize) -> Selector {
        let selector = self.records[record].selector;
        let sql = deletion(&self.store, selector);
        say(&mut self.on, sql).await;
        selector
    }
}

/// Returns whether an ending is heard whose transaction was older than one that was heard before.
async fn an_older_transaction_is_heard(url: &str, patch: Option<Patch>) -> bool {
    let mut scene = Scene::set(url, patch).await;
    begin(&mut scene.on).await;
    let first = scene.delete_now(0).await;
    let before = scene.ear.hears().await.ended;
    let late = scene.delete_in_transaction(1).await;
    let meanwhile = scene.ear.hears().await.ended;
    say(&mut scene.on, "commit").await;
    let third = scene.delete_now(2).await;
    let after = scene.ear.hears().await.ended;
    before == [first].into() && meanwhile.is_empty() && after == [late, third].into()
}

#[tokio::test]
async fn a_transaction_that_commits_late_is_heard() {
    let Some(server) = server() else { return };
    assert!(an_older_transaction_is_heard(server.url(), None).await);
    // What a feed would miss if it forgot the transactions in progress, or read by a number that only rises, or
    // if the announcement came in another transaction.
    for patch in [
        ("poll.sql", "xid = any ($2::text::xid8[])", "$2::text is null"),
        (
            "poll.sql",
            "pg_current_snapshot()::text",
            "(select '1:' || coalesce(max(xid::text::bigint), 0) + 1 || ':' from hallpass_changes)",
        ),
        ("poll.sql", "xid >= $1::text::xid8", "$1::text is null"),
        ("0004_feed.sql", "pg_current_xact_id()", "pg_snapshot_xmin(pg_current_snapshot())"),
    ] {
        assert!(!an_older_transaction_is_heard(server.url(), Some(patch)).await, "{patch:?}");
    }
}

#[tokio::test]
async fn what_was_rolled_back_is_not_heard_and_savepoints_are() {
    let Some(server) = server() else { return };
    let mut scene = Scene::set(server.url(), None).await;
    begin(&mut scene.on).await;
    say(&mut scene.on, "savepoint one").await;
    let first = scene.delete_in_transaction(0).await;
    say(&mut scene.on, "release one; savepoint two").await;
    scene.delete_in_transaction(1).await;
    say(&mut scene.on, "rollback to two; savepoint three; savepoint four").await;
    let third = scene.delete_in_transaction(2).await;
    assert!(scene.ear.hears().await.is_empty());
    say(&mut scene.on, "commit").await;
    assert_eq!(scene.ear.hears().await.ended, [first, third].into());
    begin(&mut scene.on).await;
    scene.delete_in_transaction(3).await;
    say(&mut scene.on, "rollback").await;
    assert!(scene.ear.hears().await.is_empty());
}

/// Two feeds read at their own pace, and what was dropped with one is no loss for the other.
#[tokio::test]
async fn every_feed_hears_everything() {
    let Some(server) = server() else { return };
    let mut scene = Scene::set(server.url(), None).await;
    let mut other = Ear::open(&scene.store).await;
    let first = scene.delete_now(0).await;
    assert_eq!(scene.ear.hears().await.ended, [first].into());
    let second = scene.delete_now(1).await;
    assert_eq!(other.hears().await.ended, [first, second].into());
    drop(other);
    assert_eq!(scene.ear.hears().await.ended, [second].into());
    let mut late = Ear::open(&scene.store).await;
    let third = scene.delete_now(2).await;
    assert_eq!(late.hears().await.ended, [third].into());
}
