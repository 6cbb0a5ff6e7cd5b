//! Tests faults of the server: no call exceeds its timeout, no acknowledged write is lost, and the handle
//! works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_core::StoreError;
use hallpass_core::store::{Change, Fence, Record, Replace, TokenStore};
use hallpass_store_postgres::PostgresStore;
use hallpass_test_servers::{Mode, Proxy, Server};
use sqlx::postgres::PgPoolOptions;
use tokio::time::Instant;

use crate::support::{
    INSERTED, ask, connection, next, own_server, put, record, schema, store, stored, until, words,
};

pub(crate) const LIMIT: Duration = Duration::from_secs(2);
/// Extra time for a busy machine.
const MARGIN: Duration = Duration::from_secs(8);

/// What a writer knows about its record: the last acknowledged write, and the writes it has tried since.
pub(crate) struct Known {
    pub(crate) acknowledged: Record,
    tried: Vec<Record>,
    calls: u32,
    pub(crate) errors: u32,
}

/// Replaces one record until stopped.
pub(crate) async fn write(store: PostgresStore, mut current: Record, stop: Arc<AtomicBool>) -> Known {
    let mut known = Known { acknowledged: current.clone(), tried: Vec::new(), calls: 0, errors: 0 };
    while !stop.load(Ordering::Relaxed) {
        let next = next(&current);
        known.calls += 1;
        match in_time(store.replace(&next, current.revision, Change::Update)).await {
            Ok(Replace::Replaced) => {
                (known.acknowledged, known.tried, current) = (next.clone(), Vec::new(), next);
                continue;
            }
            // One of the earlier attempts was written after all.
            Ok(Replace::Conflict) => assert!(!known.tried.is_empty(), "a conflict without a write"),
            Ok(Replace::Missing) => panic!("a record is missing"),
            Err(StoreError::Timeout { outcome_unknown: true, .. }) => known.tried.push(next),
            Err(StoreError::Timeout { .. } | StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{}", words(&error)),
        }
        known.errors += 1;
        if let Ok(found) = in_time(store.find(current.selector)).await {
            current = found.unwrap();
            assert!(known.allows(&current), "no call wrote this, or an acknowledged write was lost");
        }
    }
    known
}

impl Known {
    pub(crate) fn allows(&self, found: &Record) -> bool {
        *found == self.acknowledged || self.tried.contains(found)
    }
}

pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let answer = call.await;
    assert!(began.elapsed() < LIMIT + MARGIN, "a call took {:?}", began.elapsed());
    answer
}

/// Runs fifty writers during `trouble`; then the same handle must work as before.
async fn endure(server: &Arc<Server>, url: &str, trouble: impl AsyncFnOnce(&Arc<Server>)) {
    let store = store(url, &schema(), |builder| builder.timeout(LIMIT)).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for _ in 0..50 {
        let record = record("writer");
        put(&store, &record).await;
        writers.push(tokio::spawn(write(store.clone(), record, Arc::clone(&stop))));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    trouble(server).await;
    until("the handle works again", async || store.find(record("x").selector).await.is_ok()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let mut errors = 0;
    for writer in writers {
        let known = writer.await.unwrap();
        let found = store.find(known.acknowledged.selector).await.unwrap().unwrap();
        assert!(known.allows(&found), "no call wrote this, or an acknowledged write was lost");
        assert!(known.calls > 1);
        errors += known.errors;
    }
    assert!(errors > 0, "no call noticed the fault");
    let fresh = stored(&store, "alice").await;
    assert_eq!(store.find(fresh.selector).await.unwrap(), Some(fresh));
}

async fn blocking(server: &Arc<Server>, verb: impl FnOnce(&Server) + Send + 'static) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || verb(&server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_outlived() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let url = server.url().to_owned();
    endure(&server, &url, async |server| {
        blocking(server, |server| server.freeze().unwrap()).await;
        tokio::time::sleep(LIMIT * 2).await;
        blocking(server, |server| server.thaw().unwrap()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_server_loses_nothing() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let url = server.url().to_owned();
    endure(&server, &url, async |server| {
        blocking(server, |server| {
            server.crash().unwrap();
            server.start().unwrap();
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_backends_are_replaced() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let url = server.url().to_owned();
    endure(&server, &url, async |server| {
        let mut on = connection(server.url()).await;
        for _ in 0..20 {
            let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'hallpass'";
            ask(&mut on, kill).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_parts_is_outlived() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    endure(&server, &url, async |_| {
        proxy.set(Mode::BlackHole);
        tokio::time::sleep(LIMIT * 2).await;
        proxy.set(Mode::Pass);
        proxy.cut();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_leaves_a_write_in_doubt() {
    let Some(server) = own_server() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let schema = schema();
    let store = store(&server.url_at(proxy.address()), &schema, |builder| builder.timeout(LIMIT)).await;
    let first = stored(&store, "alice").await;
    // Prepares the statement, because preparing comes before sending the arguments.
    let alice = next(&first);
    assert_eq!(store.replace(&alice, first.revision, Change::Update).await.unwrap(), Replace::Replaced);
    proxy.set(Mode::HalfOpen);
    let next = next(&alice);
    let write = store.replace(&next, alice.revision, Change::Update).await;
    assert!(matches!(write, Err(StoreError::Timeout { outcome_unknown: true, .. })), "{write:?}");
    let read = store.find(alice.selector).await;
    assert!(!matches!(read, Err(StoreError::Timeout { outcome_unknown: true, .. }) | Ok(_)), "{read:?}");
    proxy.set(Mode::Pass);
    proxy.cut();
    until("the write that was in doubt is found", async || {
        store.find(alice.selector).await.is_ok_and(|found| found.as_ref() == Some(&next))
    })
    .await;
}

#[tokio::test]
async fn a_pool_exhausted_by_the_application_is_unavailable_for_a_while() {
    let Some(server) = own_server() else { return };
    let schema = schema();
    store(server.url(), &schema, |builder| builder).await;
    let pool = PgPoolOptions::new().max_connections(1).connect(server.url()).await.unwrap();
    let store =
        PostgresStore::builder().schema(&schema).timeout(LIMIT).from_pool(pool.clone()).await.unwrap();
    let held = pool.acquire().await.unwrap();
    let began = Instant::now();
    // Many concurrent calls, so that most wait for others: a call that was never sent is not in doubt.
    let writes = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.insert(&record("alice"), Fence::None).await })
    });
    for write in writes.collect::<Vec<_>>() {
        let error = write.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    }
    assert!(began.elapsed() < LIMIT + MARGIN);
    drop(held);
    assert_eq!(store.insert(&record("alice"), Fence::None).await.unwrap(), INSERTED);
    // The store keeps no connection.
    drop(pool.acquire().await.unwrap());
}

/// The first call waits, because the server may be restarting. After that, the server counts as down until a
/// connection opens.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_lasts_is_told_at_once_and_its_end_is_found() {
    let Some(server) = own_server().map(Arc::new) else { return };
    let limit = Duration::from_secs(8);
    let store = store(server.url(), &schema(), |builder| builder.timeout(limit)).await;
    let alice = stored(&store, "alice").await;
    blocking(&server, |server| server.stop().unwrap()).await;
    let is_down = async || {
        let answer = store.find(alice.selector).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    };
    is_down().await;
    let began = Instant::now();
    for _ in 0..5 {
        is_down().await;
    }
    // Five calls that wait would take nearly four times the timeout.
    assert!(began.elapsed() < 2 * limit, "{:?}", began.elapsed());
    let writes = (0..20).map(|_| {
        let (store, next, expected) = (store.clone(), next(&alice), alice.revision);
        tokio::spawn(async move { store.replace(&next, expected, Change::Update).await })
    });
    for write in writes.collect::<Vec<_>>() {
        let answer = write.await.unwrap();
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    blocking(&server, |server| server.start().unwrap()).await;
    // On a busy machine opening a connection takes longer than a call waits during an outage.
    until("the outage is over", async || store.find(alice.selector).await.is_ok()).await;
    assert_eq!(store.find(alice.selector).await.unwrap().as_ref(), Some(&alice));
}

/// A purge consists of several statements, each of which may take nearly as long as a call.
#[tokio::test]
async fn a_slow_purge_ends_in_time() {
    let Some(server) = own_server() else { return };
    let (schema, limit) = (schema(), Duration::from_secs(6));
    let sleep = |table: &str| {
        format!(
            "with slept as materialized (select pg_sleep(4.2)) delete from {table}\nwhere exists (select from slept) and "
        )
    };
    let store = store(server.url(), &schema, |builder| {
        builder
            .timeout(limit)
            .patched("purge_epochs.sql", "delete from hallpass_epochs\n    where ", &sleep("hallpass_epochs"))
            .patched("purge.sql", "delete from hallpass_tokens\n    where ", &sleep("hallpass_tokens"))
            .patched("due.sql", "from hallpass_tokens", "from hallpass_tokens, pg_sleep(4.2)")
    })
    .await;
    let began = Instant::now();
    let error = store.purge_expired(crate::support::at(1), 10).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { .. }), "{}", words(&error));
    // The three together would take twice the timeout.
    assert!(began.elapsed() < limit + limit / 2, "{:?}", began.elapsed());
}
