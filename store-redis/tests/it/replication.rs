//! Tests what asynchronous replication may lose, and what `WAIT` changes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hallpass_core::store::{Change, Epoch, Fence, TokenStore};
use hallpass_core::{Kind, Note, Reason, Selector, StoreError};
use hallpass_store_redis::{Builder, RedisStore};
use hallpass_test_servers::{Backend, Launch, Mode, Proxy, Sentinel, Server, needed, redis, redis_sentinel};

use crate::help::{HOUR, MARK, NOW, end, info, record, sentinel, spent, stored, subject, tell, until, why};

/// Long enough for a replica on a busy machine.
const WITHIN: Duration = Duration::from_secs(1);

fn builder(group: &Sentinel) -> Builder {
    sentinel(group).timeout(Duration::from_secs(4))
}

async fn log_out(store: &RedisStore, name: &str) -> Result<u64, StoreError> {
    end(store, name, MARK).await
}

fn roles(group: &Sentinel) -> (&Server, &Server) {
    let master = group.master().unwrap();
    let replica = group.servers().iter().find(|server| server.address() != master.address()).unwrap();
    (master, replica)
}

/// Cuts the replica off. Freezing it would not suffice: the kernel would keep what the master sends.
fn part(group: &Sentinel) {
    let (master, replica) = roles(group);
    replica.freeze().unwrap();
    tell(master, "CLIENT KILL TYPE replica");
}

/// Kills the master, and waits until the other server has taken over and the store has found it.
async fn fail_over(group: &Sentinel, store: &RedisStore) {
    let (old, new) = roles(group);
    old.crash().unwrap();
    new.thaw().unwrap();
    until("the new master", async || {
        group.master().is_ok_and(|master| master.address() == new.address())
            && tell(new, "ROLE").starts_with("master")
            && store.epoch(&subject("bob"), Epoch([1; 16]), HOUR, NOW).await.is_ok()
    })
    .await;
}

fn has_a_replica(master: &Server) -> bool {
    info(master, "connected_slaves") == 1
}

/// Starts a replica of `master`, which it reaches at `address`.
async fn replica_of(master: &Server, address: SocketAddr) -> Option<Server> {
    let of = format!("{} {}", address.ip(), address.port());
    let replica =
        needed("a replica", Launch::new(Backend::Redis).setting("replicaof", &of).start()).unwrap()?;
    until("the replica", async || has_a_replica(master)).await;
    Some(replica)
}

async fn recover(group: &Sentinel) {
    for server in group.servers() {
        server.start().unwrap();
    }
    until("both servers", async || group.is_healthy()).await;
}

/// As documented: a write that only the master had is lost with the master.
#[tokio::test]
async fn an_acknowledged_log_out_can_be_taken_back_by_a_failover_and_one_that_a_replica_has_cannot() {
    let Some(group) = needed("a failover", redis_sentinel()).unwrap() else { return };
    let plain = builder(&group).connect().await.unwrap();
    let careful = builder(&group).wait_for_replicas(1, WITHIN).connect().await.unwrap();
    // A write that waits makes sure that both records are replicated.
    let lost = stored(&plain, "alice", Kind::REMEMBER).await;
    let kept = stored(&plain, "bob", Kind::REMEMBER).await;
    careful.delete(Selector([1; 16]), &Note::none()).await.unwrap();

    part(&group);
    assert_eq!(log_out(&plain, "alice").await.unwrap(), 1, "acknowledged by the master alone");
    let error = log_out(&careful, "bob").await.unwrap_err();
    assert!(
        matches!(error, StoreError::Timeout { outcome_unknown: true, .. }),
        "not acknowledged: {error:?}"
    );
    // Nor is a repetition acknowledged, even though nothing is left to mark.
    let error = log_out(&careful, "bob").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    fail_over(&group, &plain).await;
    let found = plain.find(lost.selector).await.unwrap().expect("the replica had it");
    assert!(found.revoked.is_none(), "the log-out was acknowledged, and is lost: the token lives again");

    // If the failed log-out is repeated, it survives.
    recover(&group).await;
    until("a log-out that a replica has", async || log_out(&careful, "bob").await.is_ok()).await;
    fail_over(&group, &plain).await;
    let found = plain.find(kept.selector).await.unwrap().expect("the replica had it");
    assert_eq!(found.revoked, Some(Reason::CredentialChanged));
}

#[tokio::test]
async fn log_outs_that_a_replica_has_survive_every_failover_and_a_lonely_master_takes_no_writes() {
    let Some(group) = needed("failovers with WAIT", redis_sentinel()).unwrap() else { return };
    let careful = builder(&group).wait_for_replicas(1, WITHIN).connect().await.unwrap();
    let mut ended = Vec::new();
    for round in 0..2 {
        // A restarted server has lost this setting.
        for server in group.servers() {
            assert_eq!(tell(server, "CONFIG SET min-replicas-to-write 1"), "OK");
            assert_eq!(tell(server, "CONFIG SET min-replicas-max-lag 5"), "OK");
        }
        for number in 0..50 {
            let name = format!("user {round} {number}");
            let token = record(&name, Kind::REMEMBER).await;
            until("a master with a replica", async || careful.insert(&token, Fence::None).await.is_ok())
                .await;
            if log_out(&careful, &name).await.is_ok() {
                ended.push(token);
            }
        }
        let (old, new) = roles(&group);
        old.crash().unwrap();
        until("the new master", async || {
            group.master().is_ok_and(|master| master.address() == new.address())
                && careful.find(ended[0].selector).await.is_ok()
        })
        .await;
        for token in &ended {
            let found = careful.find(token.selector).await.unwrap();
            assert!(found.is_none_or(|found| found.revoked.is_some()), "an acknowledged log-out is lost");
        }
        // Alone, the master would acknowledge writes that a second failover takes back. So it must not write.
        let token = record("late", Kind::REMEMBER).await;
        let error = careful.insert(&token, Fence::None).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        recover(&group).await;
    }
    assert!(ended.len() > 60, "a replica has only {} of 100", ended.len());
}

/// The replica stays attached, but nothing reaches it: the network has parted, or the replica hangs. Such a
/// replica counts for nothing, however many are attached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_link_is_silent_does_not_count() {
    let Some(master) = needed("a master", redis()).unwrap() else { return };
    let link = Proxy::start(master.address()).await.unwrap();
    let Some(replica) = replica_of(&master, link.address()).await else { return };
    let store = RedisStore::single(master.url()).wait_for_replicas(1, Duration::from_millis(500));
    let store = store.connect().await.unwrap();
    let tokens = [stored(&store, "alice", Kind::REMEMBER).await, stored(&store, "bob", Kind::REMEMBER).await];
    let delete = async || store.delete(Selector([1; 16]), &Note::none()).await.is_ok();
    until("a write that a replica has", delete).await;

    link.set(Mode::BlackHole);
    let revoked = log_out(&store, "alice").await;
    let replaced = store.replace(&spent(&tokens[1]), tokens[1].revision, Change::Update).await;
    assert!(has_a_replica(&master), "the master has noticed: nothing is shown");
    master.crash().unwrap();
    assert_eq!(tell(&replica, "REPLICAOF NO ONE"), "OK");
    let promoted = RedisStore::connect(replica.url()).await.unwrap();
    for (token, acknowledged) in tokens.iter().zip([revoked.is_ok(), replaced.is_ok()]) {
        let found = promoted.find(token.selector).await.unwrap().expect("the replica had it");
        assert!(!acknowledged, "acknowledged, and lost with the master: {:?}", found.revoked);
    }
    for error in [revoked.unwrap_err(), replaced.unwrap_err()] {
        assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
        assert!(why(&error).contains("received by 0 of 1 replicas"), "{error:?}");
    }
}

/// A connection that is open but dead costs one call, and not each call after it.
#[tokio::test]
async fn a_stranded_connection_is_not_waited_on_for_ever() {
    let Some(master) = needed("a master", redis()).unwrap() else { return };
    let Some(_replica) = replica_of(&master, master.address()).await else { return };
    let proxy = Proxy::start(master.address()).await.unwrap();
    let limit = Duration::from_secs(3);
    let store = RedisStore::single(&master.url_at(proxy.address())).timeout(limit);
    let store = store.wait_for_replicas(1, Duration::from_secs(1)).connect().await.unwrap();
    until("a write that a replica has", async || log_out(&store, "alice").await.is_ok()).await;

    // Strands both connections, for requests and for waiting.
    proxy.black_hole_existing();
    let error = log_out(&store, "alice").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    assert_eq!(log_out(&store, "alice").await.unwrap(), 0);

    // Strands only the connection for waiting: a look-up has the other one replaced.
    proxy.black_hole_existing();
    let _ = store.find(Selector([7; 16])).await;
    let began = Instant::now();
    let error = log_out(&store, "alice").await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
    assert_eq!(log_out(&store, "alice").await.unwrap(), 0);
}
