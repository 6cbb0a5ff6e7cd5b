//! Tests the permissions that the README lists: they are sufficient, and each is used.

use std::collections::BTreeSet;
use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Epoch, EpochUpdate, Fence, Page, RecordFilter, Revocation, TokenStore,
};
use hallpass_core::{Kind, Note, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Server, needed, redis, redis_cluster, redis_sentinel};
use tokio::task::JoinSet;

use crate::help::{
    MARK, NOW, end, list, many, next, put, record, replaced, sentinel, stored, subject, tell, why,
};
use crate::reshard::Move;

const WITHIN: Duration = Duration::from_secs(2);

fn line() -> &'static str {
    let readme = include_str!("../../README.md");
    readme.lines().find(|line| line.starts_with("ACL SETUSER")).unwrap()
}

/// Runs every operation of a store.
async fn everything(store: &RedisStore) {
    let alice = subject("alice");
    let epoch = store.epoch(&alice, Epoch([1; 16]), Duration::from_secs(9), NOW).await.unwrap().epoch;
    store.epoch(&alice, Epoch([1; 16]), Duration::from_secs(99), NOW).await.unwrap();
    // Enough records that inserts look through the index.
    let mut last = record("alice", Kind::SESSION).await;
    for _ in 0..60 {
        last = record("alice", Kind::SESSION).await;
        assert!(store.insert(&last, Fence::Epoch(epoch)).await.unwrap().is_inserted());
    }
    let mut later = next(&last);
    later.purge_at = last.expires_at.saturating_add(Duration::from_secs(9));
    replaced(store, &later, &last).await;
    assert_eq!(store.find(last.selector).await.unwrap(), Some(later));
    // Enough concurrent reads that they share batches.
    let mut readers = JoinSet::new();
    for _ in 0..200 {
        let (store, selector) = (store.clone(), last.selector);
        readers.spawn(async move { assert!(store.find(selector).await.unwrap().is_some()) });
    }
    readers.join_all().await;
    let mut page = Page::first(9.try_into().unwrap());
    for _ in 0..2 {
        let listed = store.list_by_subject(&alice, &page).await.unwrap();
        assert_eq!(listed.len(), 9);
        page.after = listed.last().map(hallpass_core::store::Listed::place);
    }
    // Too many records for one event.
    put(store, &many("carol", Kind::REMEMBER, 2_010).await).await;
    assert_eq!(end(store, "carol", MARK).await.unwrap(), 2_010);
    assert!(store.delete(last.selector, &Note::none()).await.unwrap());
    let set = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: Duration::from_secs(9) };
    for action in [MARK, Action::Remove] {
        let all = Revocation::new(RecordFilter::all(), action).epoch(set);
        store.revoke_by_subject(&alice, &all).await.unwrap();
    }
    let _ = store.purge_expired(NOW, 9).await.unwrap();
    store.check(NOW).await.unwrap();
}

/// The commands that a server received.
fn commands(server: &Server) -> BTreeSet<String> {
    let text = tell(server, "INFO commandstats");
    let names = text.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_needs_the_permissions_that_the_readme_lists_and_no_more() {
    let Some(server) = needed("ACL users", redis()).unwrap() else { return };
    let Some(group) = needed("ACL users under Sentinel", redis_sentinel()).unwrap() else { return };
    let Some(cluster) = needed("ACL users of a cluster", redis_cluster()).unwrap() else { return };
    for server in [&server].into_iter().chain(group.servers()).chain(cluster.nodes()) {
        assert_eq!(tell(server, line()), "OK");
    }
    let url = format!("redis://hallpass:secret@{}/", server.address());
    let store = RedisStore::connect(&url).await.unwrap();
    // Opening the store tries every command, so the statistics start after it.
    tell(&server, "CONFIG RESETSTAT");
    everything(&store).await;
    let mut used = commands(&server);

    let store = sentinel(&group).credentials("hallpass", "secret");
    everything(&store.wait_for_replicas(1, WITHIN).connect().await.unwrap()).await;
    // Replicas and Sentinels send other commands of their own, which do not count.
    let of_the_store = |name: &String| matches!(name.as_str(), "role" | "wait");
    used.extend(commands(group.master().unwrap()).into_iter().filter(of_the_store));

    let store = RedisStore::cluster(cluster.urls()).credentials("hallpass", "secret");
    let store = store.wait_for_replicas(1, WITHIN).connect().await.unwrap();
    everything(&store).await;
    let token = stored(&store, "bob", Kind::SESSION).await;
    let moving = Move::of(&cluster, "bob");
    moving.begin();
    moving.carry(&moving.keys().await).await;
    assert_eq!(store.find(token.selector).await.unwrap(), Some(token));
    moving.end();
    let asked = cluster.nodes().iter().flat_map(commands);
    used.extend(asked.filter(|name| matches!(name.as_str(), "asking" | "cluster|slots")));

    let listed = line().split_whitespace().filter_map(|word| word.strip_prefix('+'));
    let idle: Vec<_> = listed.filter(|&name| !used.contains(name)).collect();
    assert!(idle.is_empty(), "listed, and never used: {idle:?}; used: {used:?}");
}

/// A missing permission is found at opening, not by a log-out. (Sentinels, clusters and waiting for replicas need
/// four more, which are used when they connect.)
#[tokio::test]
async fn a_missing_permission_is_refused_at_opening_and_named() {
    let Some(server) = needed("ACL users", redis()).unwrap() else { return };
    let url = format!("redis://hallpass:secret@{}/", server.address());
    let only_elsewhere = ["asking", "cluster|slots", "role", "wait"];
    let listed = line().split_whitespace().filter_map(|word| word.strip_prefix('+'));
    for missing in listed.filter(|name| !only_elsewhere.contains(name)) {
        assert_eq!(tell(&server, line()), "OK");
        tell(&server, &format!("ACL SETUSER hallpass -{missing}"));
        let error = RedisStore::connect(&url).await.unwrap_err();
        let said = why(&error);
        assert!(matches!(error, StoreError::Refused(_)), "{missing}: {error:?}");
        assert!(said.contains(&format!("+{missing}")) && said.contains("README"), "{missing}: {said}");
    }
    assert_eq!(tell(&server, line()), "OK");
    tell(&server, "ACL SETUSER hallpass resetkeys ~shop:*");
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("~hp:*"), "{error:?}");
    assert_eq!(tell(&server, line()), "OK");
    tell(&server, "ACL SETUSER hallpass -wait");
    let denied = RedisStore::single(&url).wait_for_replicas(1, WITHIN).connect().await.unwrap_err();
    assert!(matches!(denied, StoreError::Refused(_)) && why(&denied).contains("+wait"), "{denied:?}");
    RedisStore::connect(&url).await.unwrap();
}

#[tokio::test]
async fn a_missing_permission_and_a_wrong_password_are_refused_and_never_shown() {
    let Some(server) = needed("ACL users", redis()).unwrap() else { return };
    assert_eq!(tell(&server, line()), "OK");
    let address = server.address();
    let store = RedisStore::connect(&format!("redis://hallpass:secret@{address}/")).await.unwrap();
    let record = stored(&store, "alice", Kind::SESSION).await;
    // The permission for a command in a script that expects the errors of a moving slot.
    tell(&server, "ACL SETUSER hallpass -getrange -get -zscore");
    for error in [
        end(&store, "alice", Action::Remove).await.unwrap_err(),
        list(&store, "alice", 9).await.unwrap_err(),
        store.delete(record.selector, &Note::none()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("NOPERM"), "{error:?}");
    }
    tell(&server, "ACL SETUSER hallpass +getrange +get");
    let error = store.delete(record.selector, &Note::none()).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("NOPERM"), "{error:?}");
    tell(&server, "ACL SETUSER hallpass +zscore");
    // The permission for a command in a script, and for the script itself.
    for missing in ["getrange", "evalsha"] {
        tell(&server, &format!("ACL SETUSER hallpass -{missing}"));
        let error = store.replace(&next(&record), record.revision, Change::Update).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("NOPERM"), "{error:?}");
        tell(&server, &format!("ACL SETUSER hallpass +{missing}"));
    }
    let error = RedisStore::connect(&format!("redis://hallpass:wrong@{address}/")).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    for text in [format!("{error:?} {error}"), format!("{store:?}"), why(&error)] {
        assert!(!text.contains("secret") && !text.contains("wrong"), "{text}");
    }
}
