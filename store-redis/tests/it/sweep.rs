//! Tests revocations that are too large for one event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hallpass_core::store::{
    Action, Epoch, EpochUpdate, Fence, Insert, Listed, Page, Record, RecordFilter, Revocation, TokenStore,
};
use hallpass_core::{Kind, Kinds, Timestamp};
use hallpass_store_redis::RedisStore;
use hallpass_test_servers::{Server, needed, redis};

use crate::help::{HOUR, MARK, NOW, calls, end, many, put, record, subject, until};

const MANY: u32 = 12_000;

fn set(number: u8) -> EpochUpdate {
    EpochUpdate::Set { epoch: Epoch([number; 16]), now: NOW, keep: HOUR }
}

async fn store_of(server: &Server, count: u32) -> (RedisStore, Vec<Record>) {
    let store = RedisStore::connect(server.url()).await.unwrap();
    let records = many("alice", Kind::REMEMBER, count).await;
    put(&store, &records).await;
    (store, records)
}

async fn left(store: &RedisStore) -> usize {
    let (mut page, mut left) = (Page::first(999.try_into().unwrap()), 0);
    loop {
        let listed = store.list_by_subject(&subject("alice"), &page).await.unwrap();
        let Some(last) = listed.last() else { return left };
        page.after = Some(last.place());
        left +=
            listed.into_iter().filter_map(Listed::record).filter(|record| record.revoked.is_none()).count();
    }
}

/// In one script they would block every other call for the whole revocation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_of_very_many_records_is_logged_out_page_by_page() {
    let Some(server) = needed("a large subject", redis()).unwrap() else { return };
    let (store, records) = store_of(&server, MANY).await;
    let (spared, other) = (record("alice", Kind::SESSION).await, record("bob", Kind::REMEMBER).await);
    put(&store, &[spared.clone(), other.clone()]).await;
    let some = RecordFilter::all().kinds(Kinds::Only(vec![Kind::REMEMBER]));
    for (action, ended) in [(MARK, MANY), (MARK, 0), (Action::Remove, MANY)] {
        let before = calls(&server, "evalsha");
        let revocation = Revocation::new(some.clone(), action);
        assert_eq!(store.revoke_by_subject(&subject("alice"), &revocation).await.unwrap(), u64::from(ended));
        let pages = calls(&server, "evalsha") - before;
        assert!(pages >= u64::from(MANY / 1_000), "all of them in {pages} steps");
    }
    for gone in [&records[0], &records[records.len() - 1]] {
        assert_eq!(store.find(gone.selector).await.unwrap(), None);
    }
    for kept in [spared, other] {
        assert_eq!(store.find(kept.selector).await.unwrap(), Some(kept));
    }
}

/// The remaining records are also listed in steps, however few are requested.
#[tokio::test]
async fn a_list_that_finds_little_among_very_many_looks_in_steps() {
    let Some(server) = needed("a large list", redis()).unwrap() else { return };
    let (store, _) = store_of(&server, 4_500).await;
    let mut oldest = record("alice", Kind::SESSION).await;
    oldest.created_at = Timestamp::from_millis(NOW.as_millis() - 1);
    put(&store, &[oldest.clone()]).await;
    let page = Page { kinds: Kinds::Only(vec![Kind::SESSION]), ..Page::first(5.try_into().unwrap()) };
    let before = calls(&server, "evalsha");
    let listed = store.list_by_subject(&subject("alice"), &page).await.unwrap();
    assert_eq!(listed.into_iter().filter_map(Listed::record).collect::<Vec<_>>(), [oldest]);
    assert!(calls(&server, "evalsha") - before >= 5, "one script looked at all of them");
}

/// Tests logins under way, and sessions under tokens that the sweep has not ended yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_slips_in_behind_a_sweep() {
    let Some(server) = needed("a race with a sweep", redis()).unwrap() else { return };
    let (store, records) = store_of(&server, MANY).await;
    let alice = subject("alice");
    let old = store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await.unwrap().epoch;
    for (action, number) in [(MARK, 2), (Action::Remove, 3)] {
        let old = store.epoch(&alice, old, HOUR, NOW).await.unwrap().epoch;
        let stop = Arc::new(AtomicBool::new(false));
        let mut writers = Vec::new();
        for writer in 0..4_usize {
            let (store, stop, records) = (store.clone(), Arc::clone(&stop), records.clone());
            writers.push(tokio::spawn(async move {
                let (mut admitted, mut fenced) = (0, 0);
                let mut at = writer;
                while !stop.load(Ordering::Relaxed) {
                    at = (at + 997) % records.len();
                    let mut new = record("alice", Kind::SESSION).await;
                    let fence = match writer % 2 {
                        0 => Fence::Epoch(old),
                        _ => Fence::Parent(records[at].selector),
                    };
                    // Before and behind the place that the sweep has reached.
                    new.created_at = Timestamp::from_millis(NOW.as_millis() + (at as u64 % 3) - 1);
                    match store.insert(&new, fence).await.unwrap() {
                        Insert::Fenced => fenced += 1,
                        answer => admitted += usize::from(answer.is_inserted()),
                    }
                }
                (admitted, fenced)
            }));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let revocation = Revocation::new(RecordFilter::all(), action).epoch(set(number));
        store.revoke_by_subject(&alice, &revocation).await.unwrap();
        assert_eq!(left(&store).await, 0, "{action:?}");
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            let (admitted, fenced) = writer.await.unwrap();
            println!("{action:?}: {admitted} admitted before, {fenced} fenced");
        }
        assert_eq!(left(&store).await, 0, "{action:?}: admitted after the acknowledgement");
        if action == MARK {
            // For the second round, because a marked record is not a valid parent.
            end(&store, "alice", Action::Remove).await.unwrap();
            put(&store, &records).await;
        }
    }
}

/// The first page sets the epoch, and it stays set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_is_cut_off_keeps_what_it_did_and_is_finished_by_another() {
    let Some(server) = needed("a sweep that is cut off", redis()).unwrap() else { return };
    let (store, _) = store_of(&server, MANY).await;
    let alice = subject("alice");
    let old = store.epoch(&alice, Epoch([1; 16]), HOUR, NOW).await.unwrap().epoch;
    let revocation = Revocation::new(RecordFilter::all(), MARK).epoch(set(2));
    let before = calls(&server, "evalsha");
    tokio::select! {
        ended = store.revoke_by_subject(&alice, &revocation) => panic!("it was not cut off: {ended:?}"),
        () = until("the first pages", async || calls(&server, "evalsha") > before + 2) => {}
    }
    let rest = left(&store).await;
    assert!(rest > 0 && rest < MANY as usize, "{rest}");
    let late = record("alice", Kind::SESSION).await;
    assert_eq!(store.insert(&late, Fence::Epoch(old)).await.unwrap(), Insert::Fenced);
    let ended = end(&store, "alice", MARK).await.unwrap();
    // A page may have been under way when the call was dropped.
    assert!(ended as usize <= rest && ended > 0, "{ended} of {rest}");
    assert_eq!(left(&store).await, 0);
    assert_eq!(store.insert(&late, Fence::Epoch(old)).await.unwrap(), Insert::Fenced);
}
