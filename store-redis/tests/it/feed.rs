//! Tests what a feed hears of one server, and how it notices that it may have missed something (S19).

use std::time::Duration;

use hallpass_core::store::{
    Action, Change, Epoch, EpochUpdate, Lost, Record, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Kind, Note, Purpose, Selector, StoreError};
use hallpass_store_redis::{FeedFault, RedisStore};
use hallpass_test_servers::{Backend, Launch, Mode, Proxy, Server, needed, redis};
use tokio::time::timeout;

use crate::help::{
    HOUR, MARK, NOW, end, keys, many, next, put, raw, record, replaced, spent, stored, subject, tell, until,
    why,
};
use crate::listener::{Listener, Turn};

/// The ways to end records.
#[derive(Clone, Copy, Debug)]
enum Way {
    Delete,
    End,
    Revoke(Action),
    Sweep(Action),
}

/// Each way, and what makes its script silent.
const WAYS: [(Way, [&str; 3]); 6] = [
    (Way::Delete, ["delete.lua", "if string.byte(head, 87) ~= 3 then", "if false then"]),
    (Way::End, ["replace.lua", "if ARGV[6] then", "if false then"]),
    (Way::Revoke(MARK), ["revoke.lua", "local refused = tell(doomed)", "local refused"]),
    (Way::Revoke(Action::Remove), ["revoke.lua", "local refused = tell(doomed)", "local refused"]),
    (Way::Sweep(MARK), ["sweep.lua", "local refused = tell(doomed)", "local refused"]),
    (Way::Sweep(Action::Remove), ["sweep.lua", "local refused = tell(doomed)", "local refused"]),
];

/// Stores records of `name`, ends them, and returns them.
async fn ended(store: &RedisStore, name: &str, way: Way) -> Vec<Record> {
    let records = match way {
        Way::Sweep(_) => many(name, Kind::REMEMBER, 2_050).await,
        _ => vec![record(name, Kind::SESSION).await, record(name, Kind::REMEMBER).await],
    };
    put(store, &records).await;
    for record in &records {
        match way {
            Way::Delete => assert!(store.delete(record.selector, &Note::none()).await.unwrap()),
            Way::End => {
                let none = Note::none();
                let answer =
                    store.replace(&spent(record), record.revision, Change::End(&none)).await.unwrap();
                assert_eq!(answer, Replace::Replaced);
            }
            Way::Revoke(action) | Way::Sweep(action) => {
                assert_eq!(end(store, name, action).await.unwrap(), records.len() as u64);
                break;
            }
        }
    }
    records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_ending_is_heard_and_one_whose_script_is_silent_is_not() {
    let Some(server) = needed("announcements", redis()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    let bystander = stored(&store, "bystander", Kind::SESSION).await;
    for (number, (way, patch)) in WAYS.into_iter().enumerate() {
        let mut listener = Listener::open(&store).await;
        let records = ended(&store, &format!("user {number}"), way).await;
        listener.catch_up().await;
        assert!(records.iter().all(|record| listener.has(record.selector)), "{way:?}");
        assert!(!listener.has(bystander.selector), "{way:?}");
        // A note for each of a few records, one for all of very many.
        let said = listener.take();
        let of_a_shard = usize::from(matches!(way, Way::Sweep(_)));
        assert_eq!((said.shards.len(), said.records.len()), (of_a_shard, 2 - 2 * of_a_shard), "{way:?}");

        let [script, from, to] = patch;
        let silent = RedisStore::single(server.url()).patched(script, from, to).connect().await.unwrap();
        let records = ended(&silent, &format!("silent {number}"), way).await;
        listener.catch_up().await;
        assert!(!records.iter().any(|record| listener.has(record.selector)), "not noticed: {patch:?}");
    }
    let notes = keys(&mut raw(&server).await).await;
    assert!(!notes.iter().any(|key| key.starts_with(b"hp:default:n{")), "a note stays");
}

#[tokio::test]
async fn what_ends_no_cached_record_is_not_announced_and_namespaces_are_apart() {
    let Some(server) = needed("quiet writes", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("n").connect().await.unwrap();
    let mut listener = Listener::open(&store).await;
    let kept = stored(&store, "alice", Kind::SESSION).await;
    let later = next(&kept);
    replaced(&store, &later, &kept).await;
    let touch = store.replace(&next(&later), later.revision, Change::Touch).await.unwrap();
    assert_eq!(touch, Replace::Replaced);
    store.epoch(&subject("alice"), Epoch([1; 16]), HOUR, NOW).await.unwrap();
    let set = EpochUpdate::Set { epoch: Epoch([2; 16]), now: NOW, keep: HOUR };
    let none = Revocation::new(RecordFilter::all(), MARK).epoch(set);
    assert_eq!(store.revoke_by_subject(&subject("nobody"), &none).await.unwrap(), 0);
    assert!(!store.delete(Selector([7; 16]), &Note::none()).await.unwrap());
    let _ = store.purge_expired(NOW, 9).await.unwrap();
    for action in [MARK, Action::Remove] {
        let once = [record("carol", Kind::SESSION).await, record("carol", Kind::SESSION).await];
        let once = once.map(|record| Record { purpose: Purpose::SingleUse, ..record });
        put(&store, &once).await;
        let answer = store.replace(&spent(&once[0]), once[0].revision, Change::End(&Note::none())).await;
        assert_eq!(answer.unwrap(), Replace::Replaced);
        assert!(store.delete(once[0].selector, &Note::none()).await.unwrap());
        assert_eq!(end(&store, "carol", action).await.unwrap(), 1);
        end(&store, "carol", Action::Remove).await.unwrap();
    }
    // The keys of the other namespaces begin alike.
    for namespace in ["default", "n1", "nn"] {
        let other = RedisStore::single(server.url()).namespace(namespace).connect().await.unwrap();
        ended(&other, "alice", Way::Delete).await;
        ended(&other, "alice", Way::Revoke(MARK)).await;
    }
    listener.catch_up().await;
    let said = listener.take();
    assert!(said.records.is_empty() && said.shards.is_empty(), "{:?} {:?}", said.records, said.shards);
    // It does hear.
    let records = ended(&store, "dave", Way::Delete).await;
    listener.catch_up().await;
    assert!(records.iter().all(|record| listener.has(record.selector)));
}

/// After a loss, the next feed works.
async fn works_again(store: &RedisStore) {
    let mut listener = Listener::open(store).await;
    let records = ended(store, "again", Way::Delete).await;
    listener.catch_up().await;
    assert!(records.iter().all(|record| listener.has(record.selector)));
}

#[tokio::test]
async fn a_flush_a_closed_connection_and_a_restart_are_losses() {
    let Some(server) = needed("losses", redis()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    for (command, why) in [
        ("FLUSHALL", Lost::Flushed),
        ("FLUSHDB ASYNC", Lost::Flushed),
        ("CLIENT KILL TYPE normal", Lost::Closed),
    ] {
        let mut listener = Listener::open(&store).await;
        listener.catch_up().await;
        tell(&server, command);
        assert_eq!(listener.until_lost().await, why, "{command}");
        assert!(matches!(listener.turn().await, Turn::Lost(again) if again == why), "a loss stays");
        works_again(&store).await;
    }
    let mut listener = Listener::open(&store).await;
    server.restart().unwrap();
    assert_eq!(listener.until_lost().await, Lost::Closed);
    works_again(&store).await;

    let deaf = RedisStore::single(server.url()).feed_fault(FeedFault::NullIsNothing);
    let mut listener = Listener::open(&deaf.connect().await.unwrap()).await;
    tell(&server, "FLUSHALL");
    listener.catch_up().await;
}

/// A master that becomes a replica keeps its connections, and its own clients' writes fail from then on.
#[tokio::test]
async fn a_master_that_is_demoted_is_a_loss() {
    let Some(server) = needed("a demoted master", redis()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    let mut listener = Listener::open(&store).await;
    listener.catch_up().await;
    tell(&server, "REPLICAOF 127.0.0.1 1");
    assert_eq!(listener.until_lost().await, Lost::Moved);
    let error = store.announcer().unwrap().feed().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    tell(&server, "REPLICAOF NO ONE");
    works_again(&store).await;
}

#[tokio::test]
async fn silence_proves_nothing_and_ends_with_the_feed() {
    let Some(server) = needed("a silent connection", redis()).unwrap() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let limit = Duration::from_secs(1);
    let store = RedisStore::single(&server.url_at(proxy.address())).timeout(limit).connect().await.unwrap();
    let mut listener = Listener::open(&store).await;
    listener.catch_up().await;
    proxy.black_hole_existing();
    assert!(timeout(limit, listener.turn()).await.is_err(), "a turn without an answer");
    drop(listener);
    let reconnected = async || store.find(Selector([7; 16])).await.is_ok();
    until("other connections", reconnected).await;
    works_again(&store).await;
    proxy.set(Mode::BlackHole);
    let opening = timeout(limit * 10, store.announcer().unwrap().feed());
    assert!(opening.await.expect("in time (S12)").is_err());
    proxy.set(Mode::Pass);
    proxy.cut();
    until("other connections", reconnected).await;
    works_again(&store).await;
    drop(store);
    let quiet = async || !tell(&server, "CLIENT LIST").contains("resp=3");
    until("the end of all connections", quiet).await;
}

#[tokio::test]
async fn a_server_that_cannot_announce_and_a_user_who_may_not_ask_are_refused_with_a_reason() {
    let hidden = Launch::new(Backend::Redis).setting("rename-command CLIENT", "HIDDEN");
    let Some(server) = needed("a server without tracking", hidden.start()).unwrap() else { return };
    let store = RedisStore::connect(server.url()).await.unwrap();
    let error = store.announcer().unwrap().feed().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("track keys"), "{error:?}");

    let Some(server) = needed("ACL users", redis()).unwrap() else { return };
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("ACL SETUSER")).unwrap();
    assert_eq!(tell(&server, line), "OK");
    let url = format!("redis://hallpass:secret@{}/", server.address());
    let store = RedisStore::connect(&url).await.unwrap();
    let error = store.announcer().unwrap().feed().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("+client|tracking"), "{error:?}");
    assert_eq!(tell(&server, "ACL SETUSER hallpass +client|tracking"), "OK");
    works_again(&store).await;
    tell(&server, "ACL SETUSER hallpass -role");
    let error = store.announcer().unwrap().feed().await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)) && why(&error).contains("+role"), "{error:?}");
}

/// Starts a replica of `master`.
async fn replica_of(master: &Server) -> Option<Server> {
    let of = format!("{} {}", master.address().ip(), master.address().port());
    let replica =
        needed("a replica", Launch::new(Backend::Redis).setting("replicaof", &of).start()).unwrap()?;
    until("the replica", async || tell(&replica, "INFO replication").contains("master_link_status:up")).await;
    Some(replica)
}

/// As documented: without the check, the feed of a deposed master proves what is not true.
#[tokio::test]
async fn a_deposed_master_proves_on_unless_its_replicas_must_confirm_it() {
    let Some(master) = needed("a deposed master", redis()).unwrap() else { return };
    let Some(replica) = replica_of(&master).await else { return };
    let plain = RedisStore::connect(master.url()).await.unwrap();
    let careful = RedisStore::single(master.url()).confirm_masters(1, Duration::from_millis(100));
    let careful = careful.connect().await.unwrap();
    let (mut trusting, mut doubting) = (Listener::open(&plain).await, Listener::open(&careful).await);
    let proves = async |listener: &mut Listener| matches!(listener.turn().await, Turn::Proven(Some(_)));
    until("a proof", async || proves(&mut doubting).await).await;
    let first = stored(&plain, "alice", Kind::SESSION).await;
    let token = stored(&plain, "alice", Kind::SESSION).await;
    assert!(plain.delete(first.selector, &Note::none()).await.unwrap());
    until("the record on the replica", async || {
        keys(&mut raw(&replica).await).await.iter().any(|key| key.ends_with(&token.selector.0[2..]))
    })
    .await;
    until("the ending", async || proves(&mut doubting).await && doubting.has(first.selector)).await;

    assert_eq!(tell(&replica, "REPLICAOF NO ONE"), "OK");
    until("doubt", async || matches!(doubting.turn().await, Turn::Failed(_))).await;
    let promoted = RedisStore::connect(replica.url()).await.unwrap();
    assert!(promoted.delete(token.selector, &Note::none()).await.unwrap());
    trusting.catch_up().await;
    assert!(!trusting.has(token.selector), "the old master has heard of it: nothing is shown");
    for _ in 0..50 {
        let turn = doubting.turn().await;
        assert!(matches!(&turn, Turn::Failed(StoreError::Unavailable(_))), "{turn:?}");
        tokio::task::yield_now().await;
    }

    // A check that fails refuses nothing, and is over when the replica is back.
    let of = format!("REPLICAOF {} {}", master.address().ip(), master.address().port());
    assert_eq!(tell(&replica, &of), "OK");
    assert!(plain.delete(token.selector, &Note::none()).await.unwrap());
    until("a proof", async || proves(&mut doubting).await && doubting.has(token.selector)).await;
}
