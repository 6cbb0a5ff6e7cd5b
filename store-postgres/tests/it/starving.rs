//! Tests that calls which wait for a lock or a standby take no connection from look-ups, and keep to the
//! limit.

use std::time::Duration;

use hallpass_core::store::{Change, Fence, Record, Replace, TokenStore};
use hallpass_core::{Note, StoreError};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Proxy, Server};
use sqlx::PgConnection;
use tokio::task::JoinHandle;

use crate::support::{
    ask, connection, next, own_server, put, record, say, schema, server, store, until, waiting, words,
};

#[tokio::test(flavor = "multi_thread")]
async fn one_locked_row_keeps_no_look_up_waiting() {
    let Some(server) = server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder).await;
    let (hot, stranger) = (record("alice"), record("bob"));
    put(&store, &hot).await;
    put(&store, &stranger).await;
    let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
    say(&mut on, "begin").await;
    say(
        &mut on,
        format!("select from {schema}.hallpass_tokens where selector = '\\x{}' for update", hot.selector),
    )
    .await;
    let mut calls: Vec<JoinHandle<bool>> = Vec::new();
    for number in 0..96 {
        let (store, next, expected) = (store.clone(), next(&hot), hot.revision);
        calls.push(tokio::spawn(async move {
            match number % 3 {
                0 => store.delete(next.selector, &Note::none()).await.is_ok(),
                _ => store
                    .replace(&next, expected, Change::Update)
                    .await
                    .is_ok_and(|answer| answer == Replace::Replaced),
            }
        }));
    }
    until("calls wait for the row", async || waiting(&mut eye, &schema, "").await >= 4).await;
    // By now, every call that can wait for the row does.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..20 {
        assert_eq!(store.find(stranger.selector).await.unwrap().as_ref(), Some(&stranger));
    }
    let ended = calls.iter().filter(|call| call.is_finished()).count();
    assert_eq!(ended, 0, "the look-ups of others waited until the calls for the locked row were given up");
    say(&mut on, "rollback").await;
    for call in calls {
        call.await.unwrap();
    }
}

const LIMIT: Duration = Duration::from_secs(1);
const CONNECTIONS: u32 = 4;
const ROUNDS: usize = 6;

/// The primary's synchronous standby is missing: a commit is written, but is acknowledged only when a standby
/// follows.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_hang_neither_exceed_the_limit_nor_stop_look_ups() {
    let Some(server) = own_server() else { return };
    let schema = schema();
    let store = store(server.url(), &schema, |builder| builder.timeout(LIMIT).connections(CONNECTIONS)).await;
    let alice = record("alice");
    put(&store, &alice).await;
    let mut on = connection(server.url()).await;
    say(&mut on, "alter system set synchronous_standby_names = 'missing'").await;
    say(&mut on, "select pg_reload_conf()").await;
    let hanging = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    let ours = "select count(*) from pg_stat_activity where application_name = 'hallpass'";
    // The setting has taken effect once a commit of another client hangs.
    let mut other = connection(server.url()).await;
    let hangs = tokio::spawn(async move {
        loop {
            say(&mut other, "create table probe (); drop table probe").await;
        }
    });
    until("a commit hangs", async || ask(&mut on, hanging).await > 0).await;
    let mut most = 0;
    for _ in 0..ROUNDS {
        let writes = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.insert(&record("bob"), Fence::None).await })
        });
        let writes: Vec<_> = writes.collect();
        for write in writes {
            let error = write.await.unwrap().unwrap_err();
            let expected = matches!(
                error,
                StoreError::Timeout { outcome_unknown: true, .. } | StoreError::Unavailable(_)
            );
            assert!(expected, "{}", words(&error));
            let found = store.find(alice.selector).await.unwrap();
            assert_eq!(found.as_ref(), Some(&alice), "a look-up of another record");
        }
        most = most.max(ask(&mut on, ours).await);
    }
    assert!(most <= i64::from(CONNECTIONS), "{most} connections on the server, {CONNECTIONS} allowed");
    hangs.abort();
    say(&mut on, "alter system reset synchronous_standby_names").await;
    say(&mut on, "select pg_reload_conf()").await;
    until("writes are acknowledged again", async || store.insert(&record("bob"), Fence::None).await.is_ok())
        .await;
    assert!(ask(&mut on, ours).await <= i64::from(CONNECTIONS));
}

/// A handle whose connections a router forgot, so that neither side noticed.
struct Forgotten {
    store: PostgresStore,
    known: Record,
    /// Another connection to the server.
    on: PgConnection,
    proxy: Proxy,
}

impl Forgotten {
    async fn new(server: &Server, patch: Option<(&str, &str)>) -> Self {
        let proxy = Proxy::start(server.address()).await.unwrap();
        let (schema, url) = (schema(), server.url_at(proxy.address()));
        let store = store(&url, &schema, |builder| {
            let builder = builder.timeout(LIMIT).connections(CONNECTIONS);
            patch.iter().fold(builder, |builder, (from, to)| builder.patched("linger.sql", from, to))
        })
        .await;
        let known = record("alice");
        until("a record is stored", async || store.insert(&known, Fence::None).await.is_ok()).await;
        let on = connection(server.url()).await;
        let mut forgotten = Self { store, known, on, proxy };
        // More than half, so that as many new ones exceed the limit.
        let most = i64::from(CONNECTIONS / 2 + 1);
        until("most connections are open", async || {
            forgotten.works().await && forgotten.connections().await >= most
        })
        .await;
        forgotten.proxy.black_hole_existing();
        until("the handle works again", async || forgotten.works().await).await;
        forgotten
    }

    /// Uses several connections at a time; returns whether every call was answered.
    async fn works(&self) -> bool {
        let calls = (0..32).map(|_| {
            let (store, known, missing) = (self.store.clone(), self.known.selector, record("bob").selector);
            tokio::spawn(async move {
                store.delete(missing, &Note::none()).await.is_ok() & store.find(known).await.is_ok()
            })
        });
        let mut all = true;
        for call in calls.collect::<Vec<_>>() {
            all &= call.await.unwrap();
        }
        all
    }

    /// How many connections of the handle the server has.
    async fn connections(&mut self) -> i64 {
        ask(&mut self.on, "select count(*) from pg_stat_activity where application_name = 'hallpass'").await
    }

    async fn exceeds_the_limit(&mut self) -> bool {
        self.connections().await > i64::from(CONNECTIONS)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_lost_without_a_word_are_given_up_on_both_sides() {
    let Some(server) = own_server() else { return };
    let mut forgotten = Forgotten::new(&server, None).await;
    until("the limit holds", async || !forgotten.exceeds_the_limit().await).await;
    // A server that does not report what its processes do.
    let Some(server) = own_server() else { return };
    say(&mut connection(server.url()).await, "alter system set track_activities = off").await;
    say(&mut connection(server.url()).await, "select pg_reload_conf()").await;
    let mut forgotten = Forgotten::new(&server, None).await;
    until("the limit holds", async || !forgotten.exceeds_the_limit().await).await;
    // Only this side gives up the connection.
    let patch = ("not pg_terminate_backend(pid)", "false");
    let Some(server) = own_server() else { return };
    let mut forgotten = Forgotten::new(&server, Some(patch)).await;
    until("there are too many connections", async || {
        forgotten.works().await && forgotten.exceeds_the_limit().await
    })
    .await;
    // The server is asked about the last connections in doubt every two seconds.
    for _ in 0..60 {
        assert!(forgotten.exceeds_the_limit().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
