//! Tests damaged rows, entries and keys, and accidents during work of several steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_core::store::{
    Action, Body, Change, Epoch, EpochUpdate, Fence, Insert, Listed, Page, Record, RecordFilter, Revocation,
    TokenStore,
};
use hallpass_core::{Kind, Kinds, Note, Reason, StoreError, Timestamp};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Mode, Proxy, Server, needed, redis, redis_cluster};
use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;

use crate::help::{
    self, HOUR, MARK, NOW, ask, many, next, put, raw, record, stored, subject, tell, until, why,
};
use crate::reshard::Move;

const LIMIT: Duration = Duration::from_secs(20);
/// Longer than any call takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(30);

async fn open(server: &Server) -> (RedisStore, MultiplexedConnection) {
    let store = RedisStore::single(server.url()).namespace("hurt").timeout(PATIENT);
    (store.connect().await.unwrap(), raw(server).await)
}

fn row(record: &Record) -> Vec<u8> {
    help::row("hurt", record.selector)
}

fn index() -> Vec<u8> {
    help::index("hurt", "alice")
}

async fn end(store: &RedisStore, action: Action) -> Result<u64, StoreError> {
    help::end(store, "alice", action).await
}

async fn list(store: &RedisStore) -> Vec<Listed> {
    help::list(store, "alice", u16::MAX).await.unwrap()
}

/// With 8 records, and with 2,500, which are swept.
#[tokio::test]
async fn a_row_with_an_impossible_expiry_keeps_no_other_alive() {
    let Some(server) = needed("a damaged expiry", redis()).unwrap() else { return };
    for count in [8, 2_500] {
        let (store, mut raw) = open(&server).await;
        let records = many("alice", Kind::REMEMBER, count).await;
        put(&store, &records).await;
        let _: i64 = ask(&mut raw, "SETRANGE", &row(&records[1]), &[b"34", &[0xff; 8]]).await;
        let ended = end(&store, MARK).await;
        assert_eq!(ended.unwrap(), u64::from(count));
        let last = store.find(records[7].selector).await.unwrap().unwrap();
        assert_eq!(last.revoked, Some(Reason::CredentialChanged));
        end(&store, Action::Remove).await.unwrap();
    }
}

/// The deleted row contains a copy of another row.
#[tokio::test]
async fn deleting_a_row_takes_no_other_out_of_its_index() {
    let Some(server) = needed("a row that is a copy", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let records = many("alice", Kind::REMEMBER, 2).await;
    put(&store, &records).await;
    let _: i64 = ask(&mut raw, "COPY", &row(&records[1]), &[&row(&records[0]), b"REPLACE"]).await;
    assert!(store.delete(records[0].selector, &Note::none()).await.unwrap());
    assert_eq!(end(&store, MARK).await.unwrap(), 1);
    assert!(store.find(records[1].selector).await.unwrap().unwrap().revoked.is_some());
}

#[tokio::test]
async fn what_a_list_shows_as_corrupt_can_be_deleted() {
    let Some(server) = needed("damaged rows", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let records = many("alice", Kind::REMEMBER, 4).await;
    put(&store, &records).await;
    let _: String = ask(&mut raw, "SET", &row(&records[0]), &[b""]).await;
    let _: i64 = ask(&mut raw, "SETRANGE", &row(&records[1]), &[b"90", &[0xff; 9]]).await;
    let _: i64 = ask(&mut raw, "DEL", &row(&records[2]), &[]).await;
    let _: i64 = ask(&mut raw, "RPUSH", &row(&records[2]), &[b"x"]).await;
    let corrupt: Vec<_> =
        list(&store).await.into_iter().filter(|entry| matches!(entry, Listed::Corrupt { .. })).collect();
    assert_eq!(corrupt.len(), 3);
    for entry in corrupt {
        assert!(store.delete(entry.place().1, &Note::none()).await.unwrap());
    }
    assert_eq!(list(&store).await.into_iter().filter_map(Listed::record).collect::<Vec<_>>(), records[3..]);
    assert_eq!(list(&store).await.len(), 1);
}

/// No record is stored without an entry, because no log-out would find it; and a deleted record is reported
/// as deleted.
#[tokio::test]
async fn an_index_that_is_none_takes_no_record_and_holds_none() {
    let Some(server) = needed("a damaged index", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let records = many("alice", Kind::REMEMBER, 2).await;
    put(&store, &records[..1]).await;
    let _: String = ask(&mut raw, "SET", &index(), &[b"x"]).await;
    let error = store.insert(&records[1], Fence::None).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert_eq!(store.find(records[1].selector).await.unwrap(), None, "a record without an entry");
    assert!(end(&store, MARK).await.is_err());
    assert!(store.delete(records[0].selector, &Note::none()).await.unwrap());
    assert_eq!(store.find(records[0].selector).await.unwrap(), None);
}

/// The page begins at one of many places with the same instant, and its record is gone.
#[tokio::test]
async fn a_page_after_a_record_that_is_gone_shows_nothing_from_before_it() {
    let Some(server) = needed("a page of one instant", redis()).unwrap() else { return };
    let (store, _) = open(&server).await;
    let mut records = many("alice", Kind::REMEMBER, 3_000).await;
    put(&store, &records).await;
    records.sort_unstable_by_key(|record| std::cmp::Reverse(record.selector.0));
    for gone in [0, 999, 1_000, 2_500, 2_999] {
        let place = records[gone].selector;
        assert!(store.delete(place, &Note::none()).await.unwrap());
        let page =
            Page { after: Some((records[gone].created_at, place)), ..Page::first(9.try_into().unwrap()) };
        let listed = store.list_by_subject(&subject("alice"), &page).await.unwrap();
        let listed: Vec<_> = listed.into_iter().filter_map(Listed::record).collect();
        assert_eq!(listed, records[gone + 1..].iter().take(9).cloned().collect::<Vec<_>>(), "after {gone}");
        put(&store, &records[gone..=gone]).await;
    }
}

/// A tool copied the keys without their times to live.
#[tokio::test]
async fn an_index_without_a_time_to_live_gets_none_that_its_records_outlive() {
    let Some(server) = needed("an index that stays", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let long = stored(&store, "alice", Kind::API_KEY).await;
    let _: i64 = ask(&mut raw, "PERSIST", &index(), &[]).await;
    let mut short = record("alice", Kind::SESSION).await;
    (short.expires_at, short.purge_at) = (NOW.saturating_add(HOUR), NOW.saturating_add(HOUR));
    put(&store, &[short]).await;
    let record: i64 = ask(&mut raw, "PTTL", &row(&long), &[]).await;
    let index: i64 = ask(&mut raw, "PTTL", &index(), &[]).await;
    assert!(index == -1 || index > record, "the index for {index} ms, and the record for {record}");
}

/// Each pass finds another record, as if records were inserted all the time.
#[tokio::test]
async fn a_sweep_that_always_finds_more_ends_in_time() {
    let Some(server) = needed("a sweep without end", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).timeout(Duration::from_secs(1));
    let store = store.patched("sweep.lua", "return { ended,", "return { 1,").connect().await.unwrap();
    put(&store, &many("alice", Kind::REMEMBER, 2_001).await).await;
    let swept = tokio::time::timeout(LIMIT, end(&store, Action::Remove)).await.unwrap();
    assert!(matches!(swept, Err(StoreError::Timeout { outcome_unknown: true, .. })), "{swept:?}");
}

#[tokio::test]
async fn a_sweep_that_is_refused_amid_its_pages_says_that_a_part_may_be_done() {
    let Some(server) = needed("a sweep that is refused", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url());
    let refuse = "if after ~= '' then return redis.error_reply('OOM x') end\nlocal doomed";
    let store = store.patched("sweep.lua", "local doomed", refuse).connect().await.unwrap();
    put(&store, &many("alice", Kind::REMEMBER, 2_001).await).await;
    let error = end(&store, MARK).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
    assert!(why(&error).contains("maxmemory"), "{}", why(&error));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_outs_at_once_count_each_record_once() {
    let Some(server) = needed("log-outs at once", redis()).unwrap() else { return };
    let (store, _) = open(&server).await;
    let records = many("alice", Kind::REMEMBER, 4_000).await;
    for action in [MARK, Action::Remove] {
        put(&store, &records).await;
        let mut tasks = JoinSet::new();
        for _ in 0..16 {
            let store = store.clone();
            tasks.spawn(async move { end(&store, action).await.unwrap() });
        }
        // Single records are deleted at the same time.
        let mut deleted = 0;
        for record in records.iter().rev().step_by(97) {
            let before = store.find(record.selector).await.unwrap();
            if action == Action::Remove && store.delete(record.selector, &Note::none()).await.unwrap() {
                assert!(before.is_some());
                deleted += 1;
            }
        }
        let ended: u64 = tasks.join_all().await.into_iter().sum();
        assert_eq!(ended + deleted, 4_000, "{action:?}");
        assert_eq!(end(&store, Action::Remove).await.unwrap(), if action == MARK { 4_000 } else { 0 });
    }
}

#[tokio::test]
async fn a_record_of_the_largest_sizes_is_chosen_and_deleted_like_any_other() {
    let Some(server) = needed("largest sizes", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let name = "é".repeat(127) + "}";
    let kind = Kind::new("abcdefghijklmnopqrstuvwxyz:-0123").unwrap();
    let mut made = many(&name, Kind::REMEMBER, 3).await;
    for record in &mut made {
        record.kind = kind;
        record.device = hallpass_core::Device::new("x".repeat(512)).unwrap();
        record.body = Body::new(vec![0xff; Body::MAX_LEN]).unwrap();
        (record.created_at, record.expires_at, record.purge_at) =
            (Timestamp::MAX, Timestamp::MAX, Timestamp::MAX);
    }
    put(&store, &made).await;
    let later = Record { revision: made[0].revision.next(), ..made[0].clone() };
    assert!(store.replace(&later, made[0].revision, Change::Update).await.is_ok());
    assert_eq!(store.find(later.selector).await.unwrap(), Some(later));
    // The longest filter that a client can send: 20,000 kinds.
    let mut kinds: Vec<_> = (0..20_000).map(|number| Kind::new(&format!("k{number}")).unwrap()).collect();
    let (subject, of) = (subject(&name), |kinds| Revocation::new(RecordFilter::all().kinds(kinds), MARK));
    assert_eq!(store.revoke_by_subject(&subject, &of(Kinds::Only(kinds.clone()))).await.unwrap(), 0);
    kinds.push(kind);
    assert_eq!(store.revoke_by_subject(&subject, &of(Kinds::Only(kinds))).await.unwrap(), 3);
    for record in &made {
        assert!(store.delete(record.selector, &Note::none()).await.unwrap());
    }
    assert_eq!(ask::<i64>(&mut raw, "EXISTS", &help::index("hurt", &name), &[]).await, 0);
}

/// The first pages are done when the sweep reaches the moving slot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_amid_a_move_ends_nothing_by_half_that_a_repetition_does_not_finish() {
    let Some(cluster) = needed("a sweep amid a move", redis_cluster()).unwrap() else { return };
    let store = RedisStore::cluster(cluster.urls()).timeout(Duration::from_secs(2)).connect().await.unwrap();
    let mut records = many("alice", Kind::REMEMBER, 2_600).await;
    records.sort_unstable_by_key(|record| record.selector.0);
    put(&store, &records).await;
    let moving = Move::of(&cluster, "alice");
    moving.begin();
    // Moves records of a later page, so that the first page is swept before the sweep meets the move.
    let late = |key: &[u8]| records[1_500..].iter().any(|record| key.ends_with(&record.selector.0[2..]));
    let keys: Vec<_> = moving.keys().await.into_iter().filter(|key| late(key)).collect();
    moving.carry(&keys).await;
    let error = end(&store, MARK).await.unwrap_err();
    assert!(!matches!(error, StoreError::Other(_) | StoreError::Corrupt { .. }), "{error:?}");
    // The slot takes no note now, so nothing in it is ended.
    let error = store.delete(records[0].selector, &Note::none()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    moving.finish().await;
    end(&store, MARK).await.unwrap();
    for record in &records {
        let found = store.find(record.selector).await.unwrap();
        assert!(found.is_none_or(|found| found.revoked.is_some()), "missed");
    }
    assert_eq!(list(&store).await.len(), 2_600);
}

/// Kills connections, flushes scripts and drops calls during sweeps, lists and look-ups that share batches.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_unknown_or_alive_by_mistake_while_connections_die() {
    let Some(server) = needed("connections that die", redis()).unwrap() else { return };
    let (store, _) = open(&server).await;
    let records = Arc::new(many("alice", Kind::REMEMBER, 2_500).await);
    put(&store, &records).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for reader in 0..96 {
        let (store, records, stop) = (store.clone(), Arc::clone(&records), Arc::clone(&stop));
        readers.spawn(async move {
            let (mut at, mut found) = (reader, 0_u32);
            while !stop.load(Ordering::Relaxed) {
                at = (at + 37) % records.len();
                match store.find(records[at].selector).await {
                    Ok(record) => assert_eq!(record.unwrap().selector, records[at].selector),
                    Err(StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. }) => {
                        continue;
                    }
                    Err(error) => panic!("{error:?}"),
                }
                found += 1;
            }
            found
        });
    }
    let (mut acknowledged, mut failed) = (0, 0);
    for round in 0..40_u64 {
        let sweep = tokio::spawn({
            let store = store.clone();
            async move { tokio::time::timeout(LIMIT, end(&store, MARK)).await.unwrap() }
        });
        let listing = tokio::spawn({
            let store = store.clone();
            async move { help::list(&store, "alice", u16::MAX).await }
        });
        tokio::task::yield_now().await;
        tell(&server, if round % 5 == 0 { "SCRIPT FLUSH" } else { "CLIENT KILL TYPE normal SKIPME yes" });
        if round % 7 == 0 {
            listing.abort();
        } else if let Ok(listed) = listing.await.unwrap() {
            assert_eq!(listed.len(), 2_500);
        }
        match sweep.await.unwrap() {
            Ok(_) => acknowledged += 1,
            Err(StoreError::Unavailable(_) | StoreError::Timeout { .. }) => failed += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    until("an acknowledged sweep", async || end(&store, MARK).await.is_ok()).await;
    assert!(list(&store).await.into_iter().filter_map(Listed::record).all(|record| record.revoked.is_some()));
    stop.store(true, Ordering::Relaxed);
    let found: u32 = readers.join_all().await.into_iter().sum();
    println!("{acknowledged} acknowledged, {failed} failed, {found} found");
    assert!(found > 0);
}

/// The server pauses writes, as during a failover that an operator starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_holds_writes_back_is_answered_for_in_time() {
    let Some(server) = needed("a pause of writes", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("hurt").timeout(Duration::from_secs(1));
    let store = store.connect().await.unwrap();
    let records = many("alice", Kind::REMEMBER, 10).await;
    put(&store, &records).await;
    assert_eq!(tell(&server, "CLIENT PAUSE 60000 WRITE"), "OK");
    let calls = async {
        let error = end(&store, MARK).await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{error:?}");
        assert_eq!(store.find(records[0].selector).await.unwrap().as_ref(), Some(&records[0]));
    };
    tokio::time::timeout(LIMIT, calls).await.unwrap();
    assert_eq!(tell(&server, "CLIENT UNPAUSE"), "OK");
    until("a log-out", async || end(&store, MARK).await.is_ok()).await;
    assert!(store.find(records[9].selector).await.unwrap().unwrap().revoked.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_lost_amid_a_sweep_leave_it_of_unknown_outcome() {
    let Some(server) = needed("lost answers of a sweep", redis()).unwrap() else { return };
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = RedisStore::single(&server.url_at(proxy.address())).timeout(Duration::from_secs(1));
    let store = store.connect().await.unwrap();
    let records = many("alice", Kind::REMEMBER, 3_000).await;
    put(&store, &records).await;
    for mode in [Mode::CutAfter(150), Mode::CutAfter(1), Mode::HalfOpen, Mode::BlackHole] {
        until("a connection", async || store.find(records[0].selector).await.is_ok()).await;
        proxy.set(mode);
        let error = tokio::time::timeout(LIMIT, end(&store, MARK)).await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Timeout { outcome_unknown: true, .. }), "{mode:?}: {error:?}");
        proxy.set(Mode::Pass);
    }
    proxy.cut();
    until("a log-out", async || end(&store, MARK).await.is_ok()).await;
    assert!(list(&store).await.into_iter().filter_map(Listed::record).all(|record| record.revoked.is_some()));
}

#[tokio::test]
async fn an_epoch_that_is_none_turns_away_and_is_made_anew() {
    let Some(server) = needed("a damaged epoch", redis()).unwrap() else { return };
    let (store, mut raw) = open(&server).await;
    let new = record("alice", Kind::SESSION).await;
    let alice = subject("alice");
    let at = help::key("hurt", 'e', alice.shard(), b"alice");
    for (number, value) in
        [&b""[..], b"x", &[7; 16], &[0xff; 23], &[0xff; 25], &[0; 1_000]].into_iter().enumerate()
    {
        let _: String = ask(&mut raw, "SET", &at, &[value]).await;
        let fresh = Epoch([u8::try_from(number).unwrap() + 40; 16]);
        assert_eq!(store.insert(&new, Fence::Epoch(fresh)).await.unwrap(), Insert::Fenced);
        assert_eq!(store.epoch(&alice, fresh, HOUR, NOW).await.unwrap().epoch, fresh, "{value:?}");
    }
    // An expiry beyond every clock must not be added to.
    let _: String = ask(&mut raw, "SET", &at, &[&[0xff; 24]]).await;
    let set = EpochUpdate::Set { epoch: Epoch([9; 16]), now: NOW, keep: Duration::MAX };
    let revocation = Revocation::new(RecordFilter::all(), MARK).epoch(set);
    assert_eq!(store.revoke_by_subject(&alice, &revocation).await.unwrap(), 0);
    assert!(store.insert(&new, Fence::Epoch(Epoch([9; 16]))).await.unwrap().is_inserted());
}

/// A handle may be used on the runtime that connected it. Used elsewhere, after that runtime has ended, it
/// still returns.
#[test]
fn a_handle_whose_runtime_has_ended_answers_in_time() {
    let Some(server) = needed("a runtime that ends", redis()).unwrap() else { return };
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (store, new) = first.block_on(async {
        let (store, _) = open(&server).await;
        let new = stored(&store, "alice", Kind::SESSION).await;
        (store, new)
    });
    drop(first);
    second.block_on(async {
        let found = async || store.find(new.selector).await.is_ok_and(|found| found.as_ref() == Some(&new));
        tokio::time::timeout(LIMIT, until("the record", found)).await.unwrap();
        tokio::time::timeout(LIMIT, end(&store, MARK)).await.unwrap().unwrap();
    });
}

/// Another program's script does not end.
#[tokio::test]
async fn a_server_that_is_busy_with_a_script_is_unavailable_and_nothing_is_done() {
    let Some(server) = needed("a busy server", redis()).unwrap() else { return };
    let store = RedisStore::single(server.url()).namespace("hurt").timeout(Duration::from_secs(2));
    let store = store.connect().await.unwrap();
    let records = many("alice", Kind::REMEMBER, 3).await;
    put(&store, &records).await;
    assert_eq!(tell(&server, "CONFIG SET busy-reply-threshold 10"), "OK");
    let client = redis::Client::open(server.url()).unwrap();
    let busy = tokio::spawn(async move {
        let mut raw = client.get_multiplexed_async_connection().await.unwrap();
        let _: Result<redis::Value, _> =
            redis::cmd("EVAL").arg("while true do end").arg(0).query_async(&mut raw).await;
    });
    until("a busy server", async || tell(&server, "PING").contains("BUSY")).await;
    let error = end(&store, MARK).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(store.replace(&next(&records[0]), records[0].revision, Change::Update).await.is_err());
    assert_eq!(tell(&server, "SCRIPT KILL"), "OK");
    busy.await.unwrap();
    assert_eq!(store.find(records[0].selector).await.unwrap().as_ref(), Some(&records[0]));
    assert_eq!(end(&store, MARK).await.unwrap(), 3);
}
