//! Tests a slot that moves to another node, key by key, under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_core::store::{Action, Change, Epoch, Fence, Record, Replace, TokenStore};
use hallpass_core::{Kind, Note, StoreError};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Cluster, Server, needed, redis_cluster};
use tokio::task::JoinSet;

use crate::help::{NOW, ask, calls, end, list, next, raw, record, replaced, stored, subject, tell, until};

/// Longer than a move takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(30);

/// A moving slot.
pub(crate) struct Move<'a> {
    pub(crate) from: &'a Server,
    pub(crate) to: &'a Server,
    pub(crate) slot: u64,
}

impl<'a> Move<'a> {
    /// The slot with all keys of this subject, from its master to another one.
    pub(crate) fn of(cluster: &'a Cluster, name: &str) -> Self {
        let shard = subject(name).shard();
        let nodes = &cluster.nodes()[..3];
        let slot = tell(&nodes[0], &format!("CLUSTER KEYSLOT {{{:02x}{:02x}}}", shard[0], shard[1]));
        let slot: u64 = slot.parse().unwrap();
        let from = usize::try_from(slot * 3 / 16_384).unwrap();
        Self { from: &nodes[from], to: &nodes[(from + 1) % 3], slot }
    }

    pub(crate) fn begin(&self) {
        let (from, to) = (tell(self.from, "CLUSTER MYID"), tell(self.to, "CLUSTER MYID"));
        assert_eq!(tell(self.to, &format!("CLUSTER SETSLOT {} IMPORTING {from}", self.slot)), "OK");
        assert_eq!(tell(self.from, &format!("CLUSTER SETSLOT {} MIGRATING {to}", self.slot)), "OK");
    }

    pub(crate) async fn keys(&self) -> Vec<Vec<u8>> {
        let (mut raw, slot) = (raw(self.from).await, self.slot.to_string());
        ask(&mut raw, "CLUSTER", b"GETKEYSINSLOT", &[slot.as_bytes(), b"9999"]).await
    }

    pub(crate) async fn carry(&self, keys: &[Vec<u8>]) {
        let (mut raw, port) = (raw(self.from).await, self.to.address().port());
        for keys in keys.chunks(50) {
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(port).arg("").arg(0).arg(60_000).arg("KEYS").arg(keys);
            let _: redis::Value = migrate.query_async(&mut raw).await.unwrap();
        }
    }

    pub(crate) fn end(&self) {
        let to = tell(self.to, "CLUSTER MYID");
        for node in [self.to, self.from] {
            assert_eq!(tell(node, &format!("CLUSTER SETSLOT {} NODE {to}", self.slot)), "OK");
        }
    }

    /// Moves the keys that are left, and ends.
    pub(crate) async fn finish(&self) {
        self.carry(&self.keys().await).await;
        self.end();
    }
}

async fn records(store: &RedisStore, name: &str, count: usize) -> Vec<Record> {
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(stored(store, name, Kind::REMEMBER).await);
    }
    records
}

fn is_not_done<T>(answer: &Result<T, StoreError>) -> bool {
    use StoreError::{Timeout, Unavailable};
    matches!(answer, Err(Unavailable(_) | Timeout { outcome_unknown: false, .. }))
}

fn is_index(key: &[u8]) -> bool {
    key.windows(3).any(|part| part == b":s:")
}

/// Whichever keys have moved, a revocation waits, and then finds everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_amid_a_move_waits_and_misses_nothing() {
    let Some(cluster) = needed("a move of a slot", redis_cluster()).unwrap() else { return };
    for index_first in [true, false] {
        let name = if index_first { "alice" } else { "bob" };
        let patient = RedisStore::cluster(cluster.urls()).timeout(PATIENT).connect().await.unwrap();
        let hasty = RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2));
        let hasty = hasty.connect().await.unwrap();
        let made = records(&patient, name, 10).await;
        let moving = Move::of(&cluster, name);
        moving.begin();
        // Moves half of the keys, with or without the index.
        let mut keys = moving.keys().await;
        assert_eq!(keys.len(), 11);
        keys.sort_by_key(|key| is_index(key) != index_first);
        let (first, rest) = keys.split_at(5);
        moving.carry(first).await;
        // Single records can be read and written on both nodes; operations on a whole subject are not done.
        for token in &made {
            let later = next(token);
            replaced(&patient, &later, token).await;
            assert_eq!(patient.find(token.selector).await.unwrap(), Some(later));
        }
        let error = end(&hasty, name, Action::Remove).await;
        assert!(is_not_done(&error), "{error:?}");
        let listed = list(&hasty, name, 99).await;
        assert!(is_not_done(&listed), "{listed:?}");
        for token in &made {
            assert!(patient.find(token.selector).await.unwrap().is_some(), "half done");
        }
        let waiting = tokio::spawn({
            let store = patient.clone();
            async move { end(&store, name, Action::Remove).await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        moving.carry(rest).await;
        moving.end();
        assert_eq!(waiting.await.unwrap().unwrap(), 10);
        for token in &made {
            assert!(patient.find(token.selector).await.unwrap().is_none(), "missed");
        }
    }
}

/// `WAIT` needs a write in a slot, and a moving slot accepts no new key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_receive_a_write_amid_a_move() {
    let Some(cluster) = needed("a replicated write amid a move", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).wait_for_replicas(1, Duration::from_secs(5));
    let store = store.timeout(PATIENT).connect().await.unwrap();
    let made = records(&store, "heidi", 2).await;
    let moving = Move::of(&cluster, "heidi");
    moving.begin();
    let mut keys = moving.keys().await;
    keys.retain(|key| key.ends_with(&made[1].selector.0[2..]));
    moving.carry(&keys).await;
    // One record is still here, and the other is already on another node.
    for token in &made {
        let replaced = store.replace(&next(token), token.revision, Change::Update).await.unwrap();
        assert_eq!(replaced, Replace::Replaced);
    }
    moving.finish().await;
}

/// Look-ups share a batch to a node from which half of their records have moved away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_at_once_find_what_has_moved_and_what_has_not() {
    let Some(cluster) = needed("readers of a slot that moves", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).connect().await.unwrap();
    let made = records(&store, "grace", 16).await;
    let moving = Move::of(&cluster, "grace");
    let all_are_found = async || {
        let mut readers = JoinSet::new();
        for token in made.iter().cycle().take(160).cloned() {
            let store = store.clone();
            readers.spawn(async move { assert_eq!(store.find(token.selector).await.unwrap(), Some(token)) });
        }
        readers.join_all().await;
    };
    moving.begin();
    let keys = moving.keys().await;
    for (at, key) in keys.iter().enumerate() {
        if at == keys.len() / 2 {
            let before = calls(moving.to, "asking");
            all_are_found().await;
            assert!(calls(moving.to, "asking") > before, "no read was redirected");
        }
        moving.carry(std::slice::from_ref(key)).await;
    }
    moving.end();
    all_are_found().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load_lose_nothing() {
    let Some(cluster) = needed("moves of slots under load", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).timeout(PATIENT).connect().await.unwrap();
    let names = ["carol", "dave", "erin", "frank"];
    let stop = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = names
        .into_iter()
        .map(|name| {
            let (store, stop, rounds) = (store.clone(), Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let epoch =
                        store.epoch(&subject(name), Epoch([3; 16]), Duration::from_secs(60), NOW).await;
                    let mut made = Vec::new();
                    for _ in 0..5 {
                        let new = record(name, Kind::REMEMBER).await;
                        let fence = Fence::Epoch(epoch.as_ref().unwrap().epoch);
                        assert!(store.insert(&new, fence).await.unwrap().is_inserted());
                        let later = next(&new);
                        replaced(&store, &later, &new).await;
                        assert_eq!(store.find(new.selector).await.unwrap(), Some(later));
                        made.push(new);
                    }
                    assert!(store.delete(made[0].selector, &Note::none()).await.unwrap());
                    assert_eq!(end(&store, name, Action::Remove).await.unwrap(), 4);
                    for token in made {
                        assert_eq!(store.find(token.selector).await.unwrap(), None);
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = rounds.load(Ordering::Relaxed);
    for name in names {
        let moving = Move::of(&cluster, name);
        moving.begin();
        loop {
            let keys = moving.keys().await;
            if keys.is_empty() {
                break;
            }
            for key in keys {
                moving.carry(&[key]).await;
            }
        }
        moving.end();
    }
    let after = rounds.load(Ordering::Relaxed);
    until("another round", async || rounds.load(Ordering::Relaxed) > after).await;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    println!("{before} rounds before the moves, {} during them", after - before);
}
