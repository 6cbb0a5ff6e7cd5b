//! Tests killing and freezing a master of a cluster under load: calls stay bounded, the store recovers by
//! itself, and no single-use token is spent twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hallpass_core::store::{Change, Epoch, Fence, Record, Replace, TokenStore};
use hallpass_core::{Kind, StoreError};
use hallpass_store_redis::{RedisStore, danger};
use hallpass_test_servers::{Cluster, needed, redis_cluster, redis_sentinel};
use tokio::task::block_in_place;

use crate::help::{HOUR, NOW, keys, next, raw, record, sentinel, spent, stored, subject, tell, until, why};

const LIMIT: Duration = Duration::from_secs(2);

/// What the load observed.
#[derive(Default)]
struct Seen {
    calls: usize,
    longest: Duration,
    unavailable: usize,
    unknown: usize,
    other: Vec<String>,
    /// For each record: how often a spending was acknowledged.
    spent: BTreeMap<[u8; 16], usize>,
    /// When calls failed, first and last.
    failing: Option<(Instant, Instant)>,
    /// When a write was on no replica in time, first and last.
    unreplicated: Option<(Instant, Instant)>,
}

impl Seen {
    fn note<T>(&mut self, began: Instant, answer: &Result<T, StoreError>) {
        self.calls += 1;
        self.longest = self.longest.max(began.elapsed());
        let Err(error) = answer else { return };
        let now = Instant::now();
        let extend = |span: &mut Option<(Instant, Instant)>| {
            *span = Some((span.map_or(now, |(first, _)| first), now));
        };
        match error {
            StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. } => {
                self.unavailable += 1;
                extend(&mut self.failing);
            }
            StoreError::Timeout { .. } => {
                self.unknown += 1;
                extend(&mut self.unreplicated);
            }
            other => self.other.push(format!("{other:?}")),
        }
    }
}

async fn connect(cluster: &Cluster) -> RedisStore {
    let within = Duration::from_millis(500);
    let builder = RedisStore::cluster(cluster.urls()).timeout(LIMIT).wait_for_replicas(1, within);
    builder.connect().await.unwrap()
}

/// Issues single-use tokens, and spends each twice concurrently and once more later.
async fn load(
    stores: [RedisStore; 2],
    worker: usize,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
) -> Vec<Record> {
    let mut made = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let name = format!("user {worker} {}", made.len());
        let token = record(&name, Kind::SESSION).await;
        let began = Instant::now();
        let inserted = stores[0].insert(&token, Fence::None).await;
        seen.lock().unwrap().note(began, &inserted);
        if inserted.is_err() {
            continue;
        }
        made.push(token.clone());
        let again = made[made.len() / 2].clone();
        for token in [token, again] {
            let spend = async |store: &RedisStore| {
                let began = Instant::now();
                let answer = store.replace(&spent(&token), token.revision, Change::Update).await;
                let mut seen = seen.lock().unwrap();
                seen.note(began, &answer);
                if matches!(answer, Ok(Replace::Replaced)) {
                    *seen.spent.entry(token.selector.0).or_default() += 1;
                }
            };
            tokio::join!(spend(&stores[0]), spend(&stores[1]));
        }
        let began = Instant::now();
        let found = stores[1].find(made[made.len() / 2].selector).await;
        seen.lock().unwrap().note(began, &found);
    }
    made
}

async fn accident(what: &str, hurt: impl Fn(&Cluster), heal: impl Fn(&Cluster)) {
    let Some(cluster) = needed("a failover under load", redis_cluster()).unwrap() else { return };
    let stores = [connect(&cluster).await, connect(&cluster).await];
    let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..6)
        .map(|worker| tokio::spawn(load(stores.clone(), worker, Arc::clone(&seen), Arc::clone(&stop))))
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    block_in_place(|| hurt(&cluster));
    let replica = &cluster.nodes()[3];
    until("the replica to take over", async || tell(replica, "ROLE").starts_with("master")).await;
    let taken_over = began.elapsed();
    // The store recovers by itself: every shard accepts writes again while the load continues. Nothing can be
    // replicated until the new master has a replica.
    block_in_place(|| heal(&cluster));
    until("every shard", async || {
        let mut fine = true;
        for number in 0..24 {
            let name = subject(&format!("probe {number}"));
            fine &= stores[0].epoch(&name, Epoch([1; 16]), HOUR, NOW).await.is_ok();
        }
        fine
    })
    .await;
    let recovered = began.elapsed();
    until("a healthy cluster", async || cluster.is_healthy()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut made = Vec::new();
    for worker in workers {
        made.extend(worker.await.unwrap());
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let span = |span: Option<(Instant, Instant)>| span.map_or(Duration::ZERO, |(first, last)| last - first);
    let (failing, unreplicated) = (span(seen.failing), span(seen.unreplicated));
    println!(
        "{what}: {} calls, longest {:?} of {LIMIT:?} allowed; {} unavailable over {failing:?}, {} of unknown outcome over {unreplicated:?}; \
         replica took over after {taken_over:?}, all shards after {recovered:?}; {} tokens, {} spent",
        seen.calls,
        seen.longest,
        seen.unavailable,
        seen.unknown,
        made.len(),
        seen.spent.len(),
    );
    // Twice the limit, because the tasks that read the clock also wait for a processor.
    assert!(seen.longest < LIMIT * 2, "{:?}", seen.longest);
    assert!(seen.other.is_empty(), "{:?}", seen.other);
    assert!(seen.unavailable + seen.unknown > 0, "the load did not notice");
    assert!(seen.spent.values().all(|&times| times == 1), "a token was spent twice");
    for token in made.iter().filter(|token| seen.spent.contains_key(&token.selector.0)) {
        let mut found = None;
        until("an answer", async || match stores[0].find(token.selector).await {
            Ok(answer) => {
                found = answer;
                true
            }
            Err(_) => false,
        })
        .await;
        assert!(found.is_none_or(|found| found.revoked.is_some()), "a spent token lives again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_killed_under_load() {
    let start = |cluster: &Cluster| cluster.nodes()[0].start().unwrap();
    accident("killed", |cluster| cluster.nodes()[0].crash().unwrap(), start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_frozen_under_load() {
    let thaw = |cluster: &Cluster| cluster.nodes()[0].thaw().unwrap();
    accident("frozen", |cluster| cluster.nodes()[0].freeze().unwrap(), thaw).await;
}

/// Until Sentinel demotes it, about eight seconds later, the old master would accept writes that are then
/// lost.
#[tokio::test]
async fn a_master_that_wakes_up_replaced_is_not_asked() {
    let Some(group) = needed("a frozen master under Sentinel", redis_sentinel()).unwrap() else { return };
    let store = sentinel(&group).connect().await.unwrap();
    stored(&store, "alice", Kind::SESSION).await;
    let (old, new) = (&group.servers()[0], &group.servers()[1]);
    let records = async || {
        let keys = keys(&mut raw(new).await).await;
        keys.iter().filter(|key| key.windows(3).any(|part| part == b":t:")).count()
    };
    until("the replica to have it", async || records().await == 1).await;
    old.freeze().unwrap();
    // No call uses the store meanwhile, so no failure makes it ask Sentinel.
    until("the replica to take over", async || {
        group.master().is_ok_and(|master| master.address() == new.address())
            && tell(new, "ROLE").starts_with("master")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    old.thaw().unwrap();
    stored(&store, "alice", Kind::SESSION).await;
    assert!(tell(old, "ROLE").starts_with("master"), "it knows already: nothing is shown");
    assert_eq!(records().await, 2);
}

/// The first Sentinel in the list does not answer, and no call waits for it.
#[tokio::test]
async fn a_frozen_sentinel_delays_no_call() {
    let Some(group) = needed("a frozen Sentinel", redis_sentinel()).unwrap() else { return };
    group.sentinels()[0].freeze().unwrap();
    // Each of these calls asks the Sentinels; waiting for the first would take a quarter of the timeout.
    let patient = sentinel(&group).timeout(Duration::from_secs(40));
    let began = Instant::now();
    let store = patient.connect().await.unwrap();
    let token = stored(&store, "alice", Kind::SESSION).await;
    // If the last answer is older than a second, the call first asks again.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(store.find(token.selector).await.unwrap().is_some());
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

/// Without an answer from a Sentinel the store cannot know the master, and a replaced master would accept
/// revoked tokens. So nothing is read or written until a Sentinel answers again; one of three is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_sentinel_calls_fail_and_one_of_three_is_enough() {
    let Some(group) = needed("an outage of the Sentinels", redis_sentinel()).unwrap() else { return };
    let build = || sentinel(&group).timeout(Duration::from_secs(2));
    let store = build().connect().await.unwrap();
    let trusting = danger::trust_master_without_sentinel(build(), Duration::from_secs(5));
    let trusting = trusting.connect().await.unwrap();
    let token = stored(&store, "alice", Kind::SESSION).await;
    let crash = |number: usize| block_in_place(|| group.sentinels()[number].crash().unwrap());
    crash(0);
    crash(1);
    // Longer than an answer is used.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(store.find(token.selector).await.unwrap().is_some(), "one Sentinel is enough");
    assert!(trusting.find(token.selector).await.unwrap().is_some());
    crash(2);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for error in [
        store.find(token.selector).await.unwrap_err(),
        store.replace(&next(&token), token.revision, Change::Update).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(why(&error).contains("no Sentinel"), "{error:?}");
    }
    // A store that trusts the last master does so only for a limited time.
    assert_eq!(trusting.find(token.selector).await.unwrap().as_ref(), Some(&token));
    until("the end of trust", async || trusting.find(token.selector).await.is_err()).await;
    block_in_place(|| group.sentinels()[1].start().unwrap());
    for store in [&store, &trusting] {
        until("an answer", async || {
            store.find(token.selector).await.is_ok_and(|found| found.as_ref() == Some(&token))
        })
        .await;
    }
}
