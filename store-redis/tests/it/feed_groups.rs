//! Tests the feeds of groups: Sentinels that name another master, slots that move, and nodes that join or take over.

use std::time::{Duration, Instant};

use hallpass_core::store::{Change, Record, TokenStore};
use hallpass_core::{Kind, Note, StoreError};
use hallpass_store_redis::{FeedFault, RedisStore};
use hallpass_test_servers::{Backend, Cluster, Launch, Server, needed, redis_cluster, redis_sentinel};
use tokio::task::block_in_place;

use crate::help::{record, sentinel, spent, stored, subject, tell, until};
use crate::listener::{Listener, Turn};
use crate::reshard::Move;

/// Deletes a new record of `name`, and waits until a feed has heard of it.
async fn hears(listener: &mut Listener, store: &RedisStore, name: &str) {
    let token = stored(store, name, Kind::SESSION).await;
    assert!(store.delete(token.selector, &Note::none()).await.unwrap());
    listener.catch_up().await;
    assert!(listener.has(token.selector), "{name}");
}

/// Opens feeds until one works: the masters may still be changing.
async fn works_again(store: &RedisStore, name: &str) {
    until("a feed that hears", async || {
        let token = record(name, Kind::SESSION).await;
        let Ok(feed) = store.announcer().unwrap().feed().await else { return false };
        let mut listener = Listener::of(feed);
        if store.insert(&token, hallpass_core::store::Fence::None).await.is_err()
            || store.delete(token.selector, &Note::none()).await.is_err()
        {
            return false;
        }
        let acknowledged = Instant::now();
        loop {
            match listener.turn().await {
                Turn::Proven(Some(at)) if at >= acknowledged => {
                    assert!(listener.has(token.selector), "proved, and not heard");
                    return true;
                }
                Turn::Proven(_) => {}
                Turn::Lost(_) | Turn::Failed(_) => return false,
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_master_under_sentinel_is_a_loss() {
    let Some(group) = needed("feeds under Sentinel", redis_sentinel()).unwrap() else { return };
    let store = sentinel(&group).timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, "alice").await;
    // In peace: the old master becomes a replica.
    let old = group.master().unwrap().address();
    until("a failover", async || tell(&group.sentinels()[0], "SENTINEL FAILOVER hallpass") == "OK").await;
    let why = listener.until_lost().await;
    println!("asked to fail over: {why}");
    until("another master", async || group.master().is_ok_and(|master| master.address() != old)).await;
    works_again(&store, "bob").await;
    until("a healthy group", async || group.is_healthy()).await;
    // In a crash.
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, "carol").await;
    let master = group.master().unwrap();
    block_in_place(|| master.crash().unwrap());
    println!("crashed: {}", listener.until_lost().await);
    works_again(&store, "dave").await;
}

/// Without Sentinels the store reads nothing, so its feed proves nothing either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_sentinels_nothing_is_proved() {
    let Some(group) = needed("feeds without Sentinels", redis_sentinel()).unwrap() else { return };
    let store = sentinel(&group).timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut listener = Listener::open(&store).await;
    listener.catch_up().await;
    block_in_place(|| group.sentinels().iter().for_each(|sentinel| sentinel.crash().unwrap()));
    until("doubt", async || matches!(listener.turn().await, Turn::Failed(StoreError::Unavailable(_)))).await;
    block_in_place(|| group.sentinels().iter().for_each(|sentinel| sentinel.start().unwrap()));
    until("a proof", async || matches!(listener.turn().await, Turn::Proven(Some(_)))).await;
    hears(&mut listener, &store, "alice").await;
}

/// Makes `newcomer` a node of the cluster, through one that is.
async fn meet(cluster: &Cluster, newcomer: &Server, through: &Server) {
    tell(newcomer, &format!("CLUSTER MEET {} {}", through.address().ip(), through.address().port()));
    let id = tell(newcomer, "CLUSTER MYID");
    let knows = |node: &Server| tell(node, "CLUSTER NODES").contains(&id);
    until("acquaintance", async || {
        cluster.nodes().iter().all(knows) && tell(newcomer, "CLUSTER INFO").contains("state:ok")
    })
    .await;
}

fn is_not_done<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. }))
}

/// No node can announce it: the old one takes no new key in the slot, and to the new one no feed may listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_takes_endings_before_and_after_and_all_of_them_are_heard() {
    let Some(cluster) = needed("feeds amid a move", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(1)).connect().await.unwrap();
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, "alice").await;
    let made = [
        stored(&store, "alice", Kind::SESSION).await,
        stored(&store, "alice", Kind::SESSION).await,
        stored(&store, "alice", Kind::SESSION).await,
    ];
    let moving = Move::of(&cluster, "alice");
    moving.begin();
    let end = async |record: &Record| {
        store.replace(&spent(record), record.revision, Change::End(&Note::none())).await.map(drop)
    };
    let mut keys = moving.keys().await;
    keys.retain(|key| key.ends_with(&made[0].selector.0[2..]));
    moving.carry(&keys).await;
    for answer in [end(&made[0]).await, end(&made[1]).await] {
        assert!(is_not_done(&answer), "{answer:?}");
    }
    assert!(is_not_done(&store.delete(made[2].selector, &Note::none()).await));
    for record in &made {
        assert_eq!(store.find(record.selector).await.unwrap().as_ref(), Some(record), "half done");
    }
    moving.finish().await;
    for record in &made {
        until("the end of a record", async || end(record).await.is_ok()).await;
    }
    listener.catch_up().await;
    assert!(made.iter().all(|record| listener.has(record.selector)));
    hears(&mut listener, &store, "alice").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_takes_over_and_a_node_that_gets_its_first_slot_are_losses() {
    let Some(cluster) = needed("feeds of a cluster that changes", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2)).connect().await.unwrap();
    let nodes = cluster.nodes();
    let first_slot = |name: &str| {
        let shard = subject(name).shard();
        tell(&nodes[0], &format!("CLUSTER KEYSLOT {{{:02x}{:02x}}}", shard[0], shard[1]))
            .parse::<u64>()
            .unwrap()
    };
    let name_at = |from: u64, to: u64| {
        (0..)
            .map(|number| format!("user {number}"))
            .find(|name| (from..to).contains(&first_slot(name)))
            .unwrap()
    };
    // In peace.
    let name = name_at(0, 5_461);
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, &name).await;
    assert_eq!(tell(&nodes[3], "CLUSTER FAILOVER"), "OK");
    println!("asked to fail over: {}", listener.until_lost().await);
    works_again(&store, &name).await;
    until("a healthy cluster", async || cluster.is_healthy()).await;
    // In a crash.
    let name = name_at(5_462, 10_922);
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, &name).await;
    block_in_place(|| nodes[1].crash().unwrap());
    println!("crashed: {}", listener.until_lost().await);
    works_again(&store, &name).await;
    block_in_place(|| nodes[1].start().unwrap());
    until("a healthy cluster", async || cluster.is_healthy()).await;

    let clustered = Launch::new(Backend::Redis).setting("cluster-enabled", "yes");
    let Some(newcomer) = needed("another node", clustered.start()).unwrap() else { return };
    let name = name_at(10_924, 16_384);
    let slot = first_slot(&name);
    let owner = &nodes[2];
    let mut listener = Listener::open(&store).await;
    hears(&mut listener, &store, &name).await;
    let token = stored(&store, &name, Kind::SESSION).await;
    meet(&cluster, &newcomer, owner).await;
    listener.catch_up().await;
    let moving = Move { from: owner, to: &newcomer, slot };
    moving.begin();
    assert!(is_not_done(&store.delete(token.selector, &Note::none()).await));
    moving.finish().await;
    println!("a node with its first slot: {}", listener.until_lost().await);
    works_again(&store, &name).await;
    assert_eq!(store.find(token.selector).await.unwrap(), Some(token));
}

/// Returns whether a turn proves what it has not heard: what ended on a node that got its first slot after the turn
/// before.
async fn misses_a_newcomer(store: &RedisStore, cluster: &Cluster, there: &Move<'_>) -> bool {
    let mut feed = None;
    until("a feed", async || {
        feed = store.announcer().unwrap().feed().await.ok();
        feed.is_some()
    })
    .await;
    let mut listener = Listener::of(feed.unwrap());
    listener.catch_up().await;
    // The slot is empty, and so has moved at once.
    there.end();
    let token = stored(store, "alice", Kind::SESSION).await;
    assert!(store.delete(token.selector, &Note::none()).await.unwrap());
    let acknowledged = Instant::now();
    let missed = loop {
        match listener.turn().await {
            Turn::Proven(Some(at)) if at >= acknowledged => break !listener.has(token.selector),
            Turn::Lost(_) => break false,
            Turn::Proven(_) | Turn::Failed(_) => {}
        }
    };
    take_back(cluster, there).await;
    missed
}

/// Moves an empty slot back.
async fn take_back(cluster: &Cluster, from_there: &Move<'_>) {
    let Move { from, to, slot } = *from_there;
    Move { from: to, to: from, slot }.end();
    let id = tell(to, "CLUSTER MYID");
    let is_back = |node: &Server| {
        // Slots are named after eight other words.
        let has_none = |line: &str| line.starts_with(&id) && line.split_whitespace().count() == 8;
        tell(node, "CLUSTER NODES").lines().any(has_none)
    };
    until("the slot is back", async || cluster.nodes().iter().all(is_back)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_turn_proves_what_ended_on_a_node_with_its_first_slot() {
    let Some(cluster) = needed("feeds of a cluster that grows", redis_cluster()).unwrap() else { return };
    // Otherwise it becomes a replica when it has lost its last slot.
    let clustered = Launch::new(Backend::Redis)
        .setting("cluster-enabled", "yes")
        .setting("cluster-allow-replica-migration", "no");
    let Some(newcomer) = needed("another node", clustered.start()).unwrap() else { return };
    let builder = || RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2));
    let store = builder().connect().await.unwrap();
    let wrong = builder().feed_fault(FeedFault::NoMap).connect().await.unwrap();
    let Move { from, slot, .. } = Move::of(&cluster, "alice");
    meet(&cluster, &newcomer, from).await;
    let there = Move { from, to: &newcomer, slot };
    for _ in 0..3 {
        assert!(!misses_a_newcomer(&store, &cluster, &there).await, "a proof covers what was not heard");
    }
    // This handle knows the newcomer from a map, and learns from an answer to a call that its only slot has gone.
    there.end();
    let address = newcomer.address().to_string();
    until("a feed that listens to the newcomer", async || {
        let feed = store.announcer().unwrap().feed().await;
        feed.is_ok_and(|feed| format!("{feed:?}").contains(&address))
    })
    .await;
    take_back(&cluster, &there).await;
    let token = stored(&store, "alice", Kind::SESSION).await;
    assert!(store.delete(token.selector, &Note::none()).await.unwrap());
    assert!(!misses_a_newcomer(&store, &cluster, &there).await, "a feed took it for a master that it knows");
    // An earlier map may name the newcomer to this feed.
    until("a miss", async || misses_a_newcomer(&wrong, &cluster, &there).await).await;
}
