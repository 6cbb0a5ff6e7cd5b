//! Tests that the different faults of one server are distinguished.

use std::time::{Duration, Instant};

use hallpass_core::store::{Body, Change, Epoch, Fence, Insert, Replace, TokenStore};
use hallpass_core::{Kind, Note, StoreError};
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{
    Backend, Launch, Mode, Proxy, Server, needed, redis, redis_cluster, redis_sentinel,
};

use crate::help::{
    HOUR, MARK, NOW, end, next, raw, record, replaced, sentinel, stored, subject, tell, until, why,
};

async fn quick(server: &Server) -> RedisStore {
    RedisStore::single(server.url()).timeout(Duration::from_secs(2)).connect().await.unwrap()
}

#[tokio::test]
async fn a_stopped_server_is_unavailable_at_once_and_its_successor_is_written_to_at_once() {
    let Some(server) = needed("a stopped Redis", redis()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    let record = stored(&store, "alice", Kind::SESSION).await;
    server.stop().unwrap();
    // Wait until the driver's task notices; a write sent before that has an unknown outcome.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let error = store.replace(&next(&record), record.revision, Change::Update).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "nothing was sent: {error:?}");
    assert!(matches!(store.find(record.selector).await, Err(StoreError::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    server.start().unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    // Not over the connection to the old process: the outcome would be unknown.
    replaced(&store, &next(&record), &record).await;
    server.restart().unwrap();
    assert!(store.find(record.selector).await.unwrap().is_some());
}

#[tokio::test]
async fn a_frozen_server_is_answered_for_in_time_and_a_write_may_have_been_done() {
    let Some(server) = needed("a frozen Redis", redis()).unwrap() else { return };
    let store = quick(&server).await;
    let record = stored(&store, "alice", Kind::SESSION).await;
    server.freeze().unwrap();
    let began = Instant::now();
    let error = store.replace(&next(&record), record.revision, Change::Update).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    assert!(store.find(record.selector).await.is_err());
    // Two seconds for a write, two for a read, and the same again for a busy machine.
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    server.thaw().unwrap();
    until("the thawed server", async || store.find(record.selector).await.is_ok()).await;
}

/// A missing epoch takes two requests: one that looks, and one that writes.
#[tokio::test]
async fn an_epoch_keeps_to_the_time_of_one_call() {
    let Some(server) = needed("a slow epoch", redis()).unwrap() else { return };
    let limit = Duration::from_secs(4);
    let store = RedisStore::single(server.url()).timeout(limit).connect().await.unwrap();
    assert!(store.find(record("alice", Kind::SESSION).await.selector).await.unwrap().is_none());
    tell(&server, "CLIENT PAUSE 60000 WRITE");
    server.freeze().unwrap();
    let began = Instant::now();
    let call = tokio::spawn({
        let store = store.clone();
        async move { store.epoch(&subject("alice"), Epoch([1; 16]), HOUR, NOW).await }
    });
    // Its look succeeds late, and its write not at all.
    tokio::time::sleep(limit * 5 / 8).await;
    server.thaw().unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    assert!(began.elapsed() < limit * 3 / 2, "{:?}", began.elapsed());
    tell(&server, "CLIENT UNPAUSE");
    store.epoch(&subject("alice"), Epoch([1; 16]), HOUR, NOW).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_and_the_write_is_sent_once() {
    let Some(server) = needed("a lost answer", redis()).unwrap() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    let store = RedisStore::single(&url).timeout(Duration::from_millis(1500)).connect().await.unwrap();
    let record = stored(&store, "alice", Kind::SESSION).await;
    // Run it once before, so that the server knows the script: otherwise the answer "unknown script" could be
    // lost as well.
    replaced(&store, &next(&record), &record).await;
    for cut in [false, true] {
        let now = store.find(record.selector).await.unwrap().unwrap();
        let next = next(&now);
        proxy.set(if cut { Mode::CutAfter(1) } else { Mode::HalfOpen });
        let error = store.replace(&next, now.revision, Change::Update).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
        proxy.set(Mode::Pass);
        proxy.cut();
        until("the connection", async || store.find(now.selector).await.is_ok()).await;
        assert_eq!(store.find(now.selector).await.unwrap(), Some(next), "cut: {cut}");
    }
}

/// A replace that is repeated after a lost answer gets the first answer, but a replace by another call does
/// not. A repeated insert is a duplicate of itself: this store sends it once, and core finds out what became
/// of it.
#[tokio::test]
async fn a_replace_that_arrives_twice_is_one_replace() {
    let Some(server) = needed("a request that is sent twice", redis()).unwrap() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = server.url_at(proxy.address());
    let store = RedisStore::single(&url).timeout(Duration::from_millis(1500)).connect().await.unwrap();
    let (warm, first) = (stored(&store, "alice", Kind::SESSION).await, record("alice", Kind::SESSION).await);
    let _ = store.replace(&next(&warm), warm.revision, Change::Update).await.unwrap();
    let second = next(&first);
    let mut another = second.clone();
    another.body = next(&second).body;
    // Each call is done, its answer is lost, and the same call is repeated.
    proxy.set(Mode::HalfOpen);
    assert!(store.insert(&first, Fence::None).await.is_err());
    proxy.set(Mode::Pass);
    proxy.cut();
    until("the connection", async || store.find(warm.selector).await.is_ok()).await;
    assert_eq!(store.insert(&first, Fence::None).await.unwrap(), Insert::Duplicate);
    assert_eq!(store.find(first.selector).await.unwrap().as_ref(), Some(&first));
    proxy.set(Mode::HalfOpen);
    assert!(store.replace(&second, first.revision, Change::Update).await.is_err());
    proxy.set(Mode::Pass);
    proxy.cut();
    until("the connection", async || store.find(warm.selector).await.is_ok()).await;
    replaced(&store, &second, &first).await;
    assert_eq!(store.replace(&another, first.revision, Change::Update).await.unwrap(), Replace::Conflict);
    assert_eq!(store.insert(&first, Fence::None).await.unwrap(), Insert::Duplicate);
    assert_eq!(store.find(first.selector).await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_full_server_takes_no_writes_but_revocations() {
    let full =
        Launch::new(Backend::Redis).setting("maxmemory", "4mb").setting("maxmemory-policy", "noeviction");
    let Some(server) = needed("a full Redis", full.start()).unwrap() else { return };
    let store = quick(&server).await;
    let mut records = Vec::new();
    let error = loop {
        let mut large = record("alice", Kind::SESSION).await;
        large.body = Body::new(vec![7; 16_000]).unwrap();
        match store.insert(&large, Fence::None).await {
            Ok(_) => records.push(large),
            Err(error) => break error,
        }
        assert!(records.len() < 1000, "never full");
    };
    assert!(matches!(error, StoreError::Unavailable(_)) && why(&error).contains("OOM"), "{error:?}");
    // The memory that a refused write released may suffice for the next one. This limit leaves no room.
    tell(&server, "CONFIG SET maxmemory 2mb");
    let error = store.replace(&next(&records[0]), records[0].revision, Change::Update).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert_eq!(store.find(records[0].selector).await.unwrap().as_ref(), Some(&records[0]));
    let count = end(&store, "alice", MARK).await;
    assert_eq!(count.unwrap(), records.len() as u64, "a revocation needs no memory");
    assert!(store.delete(records[0].selector, &Note::none()).await.unwrap());
}

#[tokio::test]
async fn a_replica_takes_no_writes() {
    let Some(server) = needed("a Redis that is demoted", redis()).unwrap() else { return };
    let store = quick(&server).await;
    let record = stored(&store, "alice", Kind::SESSION).await;
    tell(&server, "REPLICAOF 127.0.0.1 1");
    for _ in 0..3 {
        let error = store.replace(&next(&record), record.revision, Change::Update).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)) && why(&error).contains("READONLY"), "{error:?}");
    }
    let error = RedisStore::connect(server.url()).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("replica"), "{error:?}");
    tell(&server, "REPLICAOF NO ONE");
    replaced(&store, &next(&record), &record).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loads_its_data_is_unavailable() {
    // The server loads for more than two seconds, and answers once in 1,024 commands.
    let slow = Launch::new(Backend::Redis).setting("key-load-delay", "100");
    let Some(server) = needed("a Redis that is loading", slow.start()).unwrap() else { return };
    let store = quick(&server).await;
    let first = record("alice", Kind::SESSION).await;
    let mut fill = redis::pipe();
    for number in 0..20_000 {
        fill.cmd("SET").arg(number).arg(number).ignore();
    }
    let () = fill.query_async(&mut raw(&server).await).await.unwrap();
    let _ = store.insert(&first, Fence::None).await.unwrap();
    server.stop().unwrap();
    let mut heard = String::new();
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| server.start());
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(until("LOADING, and then an answer", async || {
                match store.find(first.selector).await {
                    Ok(found) => found.is_some() && heard.contains("LOADING"),
                    Err(error) => {
                        let in_time =
                            matches!(error, StoreError::Unavailable(_) | StoreError::Timeout { .. });
                        assert!(in_time, "{error:?}");
                        heard.push_str(&why(&error));
                        false
                    }
                }
            }));
        });
        starting.join().unwrap().unwrap();
    });
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let Some(server) = needed("NOSCRIPT", redis()).unwrap() else { return };
    let store = quick(&server).await;
    for _ in 0..3 {
        tell(&server, "SCRIPT FLUSH");
        let record = stored(&store, "alice", Kind::SESSION).await;
        tell(&server, "SCRIPT FLUSH");
        replaced(&store, &next(&record), &record).await;
    }
}

#[tokio::test]
async fn a_cluster_is_not_taken_for_a_server_nor_the_other_way_round() {
    let Some(cluster) = needed("a cluster as a single server", redis_cluster()).unwrap() else { return };
    refused(RedisStore::single(cluster.urls()[0]), "connect to it as one").await;
    let hosts: Vec<_> = cluster.urls().iter().map(|url| url.trim_start_matches("redis://")).collect();
    RedisStore::connect(&format!("redis+cluster://{}", hosts.join(","))).await.unwrap();
    refused(RedisStore::sentinel(cluster.urls(), "hallpass"), "no Sentinel").await;
    let Some(server) = needed("a single server as a cluster", redis()).unwrap() else { return };
    refused(RedisStore::cluster([server.url()]), "no node of a cluster").await;
    refused(RedisStore::sentinel([server.url()], "hallpass"), "no Sentinel").await;
}

#[tokio::test]
async fn a_sentinel_is_not_taken_for_a_server_and_watches_one_master_by_its_name() {
    let Some(group) = needed("Sentinels", redis_sentinel()).unwrap() else { return };
    let urls: Vec<_> = group.sentinels().iter().map(Server::url).collect();
    refused(RedisStore::single(urls[0]), "is a Sentinel").await;
    refused(RedisStore::cluster(urls.clone()), "no node of a cluster").await;
    refused(RedisStore::sentinel(urls.clone(), "another"), "no Sentinel knows a master of this name").await;
    // The servers' password must not be sent to Sentinels that do not ask for one.
    for server in group.servers() {
        assert_eq!(tell(server, "ACL SETUSER hallpass on >secret ~* +@all"), "OK");
    }
    let store = sentinel(&group).credentials("hallpass", "secret").connect().await.unwrap();
    stored(&store, "alice", Kind::SESSION).await;
    let users = tell(group.master().unwrap(), "CLIENT LIST");
    assert!(users.contains("user=hallpass"), "{users}");
    refused(sentinel(&group).credentials("hallpass", "wrong"), "user and password").await;
    let with_password: Vec<_> =
        urls.iter().map(|url| url.replace("redis://", "redis://nobody:wrong@")).collect();
    refused(RedisStore::sentinel(&with_password, group.name()), "user and password").await;
}

#[tokio::test]
async fn a_wrong_password_to_a_cluster_is_refused() {
    let Some(cluster) = needed("a cluster with a user", redis_cluster()).unwrap() else { return };
    for node in cluster.nodes() {
        assert_eq!(tell(node, "ACL SETUSER hallpass on >secret ~* +@all"), "OK");
    }
    let builder = || RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2));
    let store = builder().credentials("hallpass", "secret").connect().await.unwrap();
    let record = stored(&store, "alice", Kind::SESSION).await;
    refused(builder().credentials("hallpass", "wrong"), "user and password").await;
    // A single unreachable node is no outage.
    cluster.nodes()[5].crash().unwrap();
    refused(builder().credentials("hallpass", "wrong"), "user and password").await;
    // Nor is it one for a store that is already connected.
    for node in &cluster.nodes()[..5] {
        assert_eq!(tell(node, "ACL SETUSER hallpass resetpass >other"), "OK");
        tell(node, "CLIENT KILL USER hallpass");
    }
    until("a refusal", async || match store.find(record.selector).await {
        Err(StoreError::Refused(_)) => true,
        Err(StoreError::Unavailable(_) | StoreError::Timeout { .. }) => false,
        other => panic!("{other:?}"),
    })
    .await;
}

/// Checks that connecting is refused for this reason.
async fn refused(builder: Builder, reason: &str) {
    let error = builder.connect().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains(reason), "{error:?}");
}

#[tokio::test]
async fn an_outage_of_all_says_what_the_network_said() {
    for builder in [
        RedisStore::sentinel(["redis://127.0.0.1:1", "redis://127.0.0.1:2"], "master"),
        RedisStore::cluster(["redis://127.0.0.1:1", "redis://127.0.0.1:2"]),
    ] {
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(why(&error).contains("refused"), "{}", why(&error));
    }
}
