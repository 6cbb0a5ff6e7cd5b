//! Tests what a feed says when the server, or the way to it, fails.

use std::process::Command;
use std::time::Duration;

use hallpass_core::store::{Announcer, Fence, Lost, Proven, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_test_servers::{Mode, Origin, Proxy, needed, pgbouncer};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::ear::{Ear, Patch, patched};
use crate::support::{ask, connection, own_server, put, record, schema, server, store, until, words};

const LIMIT: Duration = Duration::from_secs(2);
const CLOSED: Proven = Proven::Lost(Lost::Closed);

#[tokio::test]
async fn a_connection_that_was_cut_or_forgotten_is_a_loss() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    let store = store(&url, &schema(), |builder| builder.timeout(LIMIT)).await;
    let mut ear = Ear::open(&store).await;
    assert_eq!(ear.turn().await, Proven::ThisTurn);
    proxy.cut();
    assert_eq!(ear.turn().await, CLOSED);
    let mut ear = Ear::open(&store).await;
    // A router has forgotten the connection: there is no answer, and no error.
    proxy.black_hole_existing();
    assert_eq!(ear.turn().await, CLOSED);
    let mut ear = Ear::open(&store).await;
    // The question arrives, and the answer does not.
    proxy.set(Mode::HalfOpen);
    assert_eq!(ear.turn().await, CLOSED);
    let error = store.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    proxy.set(Mode::Refuse);
    let error = store.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    proxy.set(Mode::Pass);
    assert_eq!(Ear::open(&store).await.turn().await, Proven::ThisTurn);
}

/// An answer that is held back until after the limit proves nothing, even if it arrives.
#[tokio::test]
async fn a_turn_that_was_cut_off_is_made_up_for_by_the_next() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = store(&server.url_at(proxy.address()), &schema(), |builder| builder).await;
    let elsewhere = connection(server.url()).await;
    drop(elsewhere);
    let mut ear = Ear::open(&store).await;
    let alice = record("alice");
    put(&store, &alice).await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
    proxy.set(Mode::HalfOpen);
    assert!(tokio::time::timeout(Duration::from_millis(50), ear.turn()).await.is_err());
    proxy.set(Mode::Pass);
    assert_eq!(ear.hears().await.ended, [alice.selector].into());
}

#[tokio::test]
async fn a_feed_ends_with_its_store_and_leaves_no_process() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let mut on = connection(server.url()).await;
    let here = format!(
        "select count(*) from pg_stat_activity where query like '%{schema}%hallpass_feed\" f%' \
         and pid <> pg_backend_pid()"
    );
    let mut ears = Vec::new();
    for _ in 0..3 {
        let mut ear = Ear::open(&store).await;
        assert_eq!(ear.turn().await, Proven::ThisTurn);
        ears.push(ear);
    }
    let mut last = ears.pop().unwrap();
    drop(ears);
    until("the processes have ended", async || ask(&mut on, here.clone()).await == 1).await;
    store.close().await;
    assert_eq!(last.turn().await, CLOSED);
    let error = store.feed().await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let Some(server) = server() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address()).replace("postgres@", "postgres:secret-password@");
    let store = store(&url, &schema(), |builder| builder).await;
    let mut ear = Ear::open(&store).await;
    let alice = record("alice");
    put(&store, &alice).await;
    assert!(store.delete(alice.selector, &Note::none()).await.unwrap());
    ear.hears().await;
    assert_eq!(format!("{:?}", ear.feed), "Feed { pass: 0, .. }");
    proxy.set(Mode::Refuse);
    proxy.cut();
    let error = store.feed().await.err().unwrap();
    assert!(!words(&error).contains("secret"), "{}", words(&error));
}

/// Kills a process of the server, which then restarts within itself and empties unlogged tables. Returns what a feed
/// says that kept its connection, to a pooler, and another feed has been opened meanwhile.
async fn after_a_crash(patch: Option<Patch>) -> Option<Proven> {
    let server = own_server()?;
    if server.origin() != Origin::Local {
        return None;
    }
    let pooler = needed("a feed behind PgBouncer", pgbouncer(&server)).unwrap()?;
    let schema = schema();
    let direct = store(server.url(), &schema, |builder| patched(builder, patch)).await;
    let store = store(pooler.url(), &schema, |builder| patched(builder.pgbouncer(), patch)).await;
    let (mut ear, mut near) = (Ear::open(&store).await, Ear::open(&direct).await);
    let alice = record("alice");
    put(&direct, &alice).await;
    assert!(direct.delete(alice.selector, &Note::none()).await.unwrap());
    let mut on = connection(server.url()).await;
    let victim = ask(&mut on, "select pg_backend_pid()::bigint").await;
    assert!(Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
    let emptied = format!("select count(*) from {schema}.hallpass_feed");
    until("the server has restarted", async || match PgConnection::connect(server.url()).await {
        Ok(mut on) => {
            matches!(sqlx::query_scalar(AssertSqlSafe(emptied.clone())).fetch_one(&mut on).await, Ok(0_i64))
        }
        Err(_) => false,
    })
    .await;
    assert_eq!(near.turn().await, CLOSED, "its connection has ended");
    let mut again = None;
    until("a feed is opened", async || {
        again = direct.feed().await.ok();
        again.is_some()
    })
    .await;
    // A crash may take back transaction ids that were not logged yet. With these, the snapshots go on as if there had
    // been no crash, and only the marker shows it.
    for _ in 0..50 {
        until("a write is acknowledged", async || direct.insert(&record("bob"), Fence::None).await.is_ok())
            .await;
    }
    // The pooler notices at the next query that its connections have ended.
    until("the pooler is connected", async || store.find(alice.selector).await.is_ok()).await;
    let proven = ear.turn().await;
    assert_eq!(Ear::open(&store).await.turn().await, Proven::ThisTurn);
    Some(proven)
}

#[tokio::test]
async fn after_a_crash_of_the_server_the_announcements_are_gone_and_a_feed_says_so() {
    let Some(proven) = after_a_crash(None).await else { return };
    assert_eq!(proven, Proven::Lost(Lost::Restarted));
}

#[tokio::test]
async fn a_marker_that_is_the_same_after_a_crash_is_noticed() {
    let same = ("0004_feed.sql", "gen_random_uuid()", "'00000000-0000-0000-0000-000000000000'");
    let Some(proven) = after_a_crash(Some(same)).await else { return };
    assert_eq!(proven, Proven::ThisTurn, "this is what the marker is for");
}
