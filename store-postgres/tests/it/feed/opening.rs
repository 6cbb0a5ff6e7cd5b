//! Tests how the first feed makes every transaction announce what it ends.

use std::time::Duration;

use hallpass_core::store::{Announcer, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_store_postgres::PostgresStore;

use super::ear::{Ear, Patch, patched};
use super::snapshots::deletion;
use crate::support::{ask, connection, put, record, say, schema, server, store, until, words};

/// A feed that waits gives up after three quarters of it.
const BRIEF: Duration = Duration::from_secs(2);

/// A transaction has deleted a record when the first feed is opened. Returns the error of the feed, if it is not open
/// before that transaction ends.
async fn opened_during_a_deletion(url: &str, patch: Option<Patch>) -> Option<StoreError> {
    let store = store(url, &schema(), |builder| patched(builder.timeout(BRIEF), patch)).await;
    let (alice, bob, mut on) = (record("alice"), record("bob"), connection(url).await);
    put(&store, &alice).await;
    put(&store, &bob).await;
    say(&mut on, format!("begin; {}", deletion(&store, alice.selector))).await;
    let error = store.feed().await.err();
    // A later statement of the same transaction announces what it ends, and the first one may not.
    say(&mut on, deletion(&store, bob.selector)).await;
    say(&mut on, "commit").await;
    let mut ear = Ear::open(&store).await;
    let carol = record("carol");
    put(&store, &carol).await;
    assert!(store.delete(carol.selector, &Note::none()).await.unwrap());
    assert_eq!(ear.hears().await.ended, [carol.selector].into());
    error
}

#[tokio::test]
async fn the_first_feed_waits_for_transactions_that_may_not_have_seen_it() {
    let Some(server) = server() else { return };
    let mut said = String::new();
    until("a feed waits", async || {
        let error = opened_during_a_deletion(server.url(), None).await.unwrap();
        assert!(!matches!(error, StoreError::Refused(_)), "{}", words(&error));
        said = words(&error);
        // On a busy machine the connection alone may take that long.
        said.contains("still open")
    })
    .await;
    let blind = ("writers.sql", "and granted", "and not granted");
    assert!(opened_during_a_deletion(server.url(), Some(blind)).await.is_none());
}

/// Only where there was no feed before: such a transaction may stay open for hours, as a commit does that waits for a
/// standby.
#[tokio::test]
async fn later_feeds_wait_for_no_transaction() {
    let Some(server) = server() else { return };
    let store = store(server.url(), &schema(), |builder| builder).await;
    let mut first = Ear::open(&store).await;
    let (alice, mut on) = (record("alice"), connection(server.url()).await);
    put(&store, &alice).await;
    say(&mut on, format!("begin; {}", deletion(&store, alice.selector))).await;
    let mut second = Ear::open(&store).await;
    say(&mut on, "commit").await;
    for ear in [&mut first, &mut second] {
        assert_eq!(ear.hears().await.ended, [alice.selector].into());
    }
}

/// Ten nodes start at once, and none of them waits for another.
#[tokio::test(flavor = "multi_thread")]
async fn ten_first_feeds_agree() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let opening: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { Ear::open(&store).await })
        })
        .collect();
    let mut ears = Vec::new();
    for ear in opening {
        ears.push(ear.await.unwrap());
    }
    let alice = record("alice");
    put(&store, &alice).await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
    for ear in &mut ears {
        assert_eq!(ear.hears().await.ended, [alice.selector].into());
    }
}

/// A release that announces nothing would let near caches accept what it ended.
#[tokio::test]
async fn once_there_was_a_feed_an_older_release_is_refused() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let mut on = connection(server.url()).await;
    // What `migrate::check` compares with the version that a program knows.
    let needed = format!("select max(compatible)::bigint from {schema}.hallpass_schema");
    assert_eq!(ask(&mut on, needed.clone()).await, 1, "without a feed it may start again");
    let ear = Ear::open(&store).await;
    assert_eq!(ask(&mut on, needed.clone()).await, 4);
    drop(ear);
    let again = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    again.migrate().await.unwrap();
    // A deployment was rolled back, as the README says, and rolled out again.
    say(&mut on, format!("update {schema}.hallpass_schema set compatible = 1 where version = 4")).await;
    Ear::open(&again).await;
    assert_eq!(ask(&mut on, needed).await, 4, "an older release may start beside a feed");
}

#[tokio::test]
async fn a_feed_on_older_tables_says_what_to_do() {
    let Some(server) = server() else { return };
    let schema = schema();
    let old = PostgresStore::builder().schema(&schema).connect(server.url()).await.unwrap();
    old.migrate_to(3).await.unwrap();
    let error = old.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Refused(_)), "{}", words(&error));
    assert!(words(&error).contains("run migrate()"), "{}", words(&error));
}

/// Whatever the planner takes the size of the table to be.
#[tokio::test]
async fn a_poll_reads_by_the_index() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let mut ear = Ear::open(&store).await;
    let mut on = connection(server.url()).await;
    let many =
        "insert into {}.hallpass_changes (announced) select '\\x020000' from generate_series(1, 100000)";
    say(&mut on, many.replace("{}", &schema)).await;
    say(&mut on, format!("analyze {schema}.hallpass_changes")).await;
    ear.hears().await;
    let reads = format!(
        "select coalesce(seq_tup_read, 0) from pg_stat_user_tables \
         where schemaname = '{schema}' and relname = 'hallpass_changes'"
    );
    // What the inserts and the analysis have read.
    let before = ask(&mut on, reads.clone()).await;
    for _ in 0..50 {
        assert!(ear.hears().await.is_empty());
    }
    drop(ear);
    let ended = "select count(*) from pg_stat_activity where query like '%{}%hallpass_feed%' and pid <> pg_backend_pid()";
    // A backend reports its counts when it ends, at the latest.
    until("the feed's session has ended", async || ask(&mut on, ended.replace("{}", &schema)).await == 0)
        .await;
    assert_eq!(ask(&mut on, reads).await, before, "a poll has read the table from end to end");
}
