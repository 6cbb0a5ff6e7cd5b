//! Tests dropping and closing a handle.

use std::time::Duration;

use hallpass_core::StoreError;
use hallpass_core::store::{Change, Replace, TokenStore};
use tokio::runtime::Runtime;

use crate::support::{
    ask, connection, fresh, next, put, record, say, schema, server, store, stored, until, waiting, words,
};

/// As in an application that keeps its store longer than its runtime, or in a `static`.
#[test]
fn a_store_may_be_dropped_outside_of_a_runtime() {
    let Some(server) = server() else { return };
    for runtime_first in [false, true] {
        let runtime = Runtime::new().unwrap();
        let store = runtime.block_on(async {
            let store = store(server.url(), &schema(), |builder| builder).await;
            put(&store, &record("alice")).await;
            store
        });
        if runtime_first {
            drop(runtime);
            drop(store);
        } else {
            drop(store);
            drop(runtime);
        }
    }
}

/// As with a timeout around the call, or when the runtime is dropped.
#[test]
fn a_call_may_be_dropped_outside_of_a_runtime() {
    let Some(server) = server() else { return };
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(store(server.url(), &schema(), |builder| builder));
    for _ in 0..20 {
        let mut call = store.find(record("alice").selector);
        let begun = async { tokio::time::timeout(Duration::from_micros(200), &mut call).await };
        let _ = runtime.block_on(begun);
        drop(call);
    }
    assert_eq!(runtime.block_on(store.find(record("alice").selector)).unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_a_call_under_way_and_ends_later_ones() {
    let Some((server, schema, store)) = fresh().await else { return };
    let alice = stored(&store, "alice").await;
    let (mut on, mut eye) = (connection(server.url()).await, connection(server.url()).await);
    say(&mut on, format!("begin; select from {schema}.hallpass_tokens for update")).await;
    let mut writing = tokio::spawn({
        let (store, next, expected) = (store.clone(), next(&alice), alice.revision);
        async move { store.replace(&next, expected, Change::Update).await }
    });
    until("the write waits", async || waiting(&mut eye, &schema, "").await > 0).await;
    let mut closing = tokio::spawn({
        let store = store.clone();
        async move { store.close().await }
    });
    until("later calls fail", async || {
        matches!(store.find(alice.selector).await, Err(StoreError::Unavailable(_)))
    })
    .await;
    assert!(!closing.is_finished() && !writing.is_finished());
    say(&mut on, "rollback").await;
    assert_eq!((&mut writing).await.unwrap().unwrap(), Replace::Replaced);
    let closed = tokio::time::timeout(Duration::from_secs(20), &mut closing).await;
    assert!(closed.is_ok(), "closing hangs");
    let error = store.find(alice.selector).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{}", words(&error));
    let left = format!(
        "select count(*) from pg_stat_activity where query like '%{schema}%' and pid <> pg_backend_pid()"
    );
    until("no connection is left", async || ask(&mut eye, left.clone()).await == 0).await;
}
