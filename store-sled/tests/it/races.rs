//! Tests concurrent calls: S5, S8, S11, S13, and group commit.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hallpass_core::store::{
    Action, Change, EpochUpdate, Fence, Listed, Page, Record, RecordFilter, Replace, Revocation, TokenStore,
};
use hallpass_core::{Note, Reason, Selector};
use hallpass_store_sled::{AckTouch, SledStore};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{Rng, at, store, subject};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s5_of_twenty_replaces_of_one_revision_one_wins() {
    let mut rng = Rng::seeded();
    let (folder, one) = store();
    let other = SledStore::open(folder.path()).unwrap();
    for round in 0..50 {
        let record = rng.record(Some(&subject("alice")));
        assert!(one.insert(&record, Fence::None).await.unwrap().is_inserted());
        let start = Arc::new(Barrier::new(20));
        let mut tasks = JoinSet::new();
        for n in 0..20 {
            let store = if n % 2 == 0 { one.clone() } else { other.clone() };
            let (next, expected, start) = (rng.rotated(&record), record.revision, start.clone());
            tasks.spawn(async move {
                start.wait().await;
                (store.replace(&next, expected, Change::Update).await.unwrap(), next)
            });
        }
        let mut won: Vec<Record> = Vec::new();
        for (answer, next) in tasks.join_all().await {
            match answer {
                Replace::Replaced => won.push(next),
                Replace::Conflict => {}
                Replace::Missing => panic!("it is there"),
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        assert_eq!(other.find(record.selector).await.unwrap(), won.pop());
    }
}

/// Runs inserts behind a fence against a revocation of everything; no record may be left.
async fn fence_race(action: Action, parent_fence: bool) {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let (mut inserted, mut fenced) = (0, 0);
    // Repeats until both outcomes have occurred often enough to prove a race.
    for round in 0..4_000_u64 {
        if round >= 400 && inserted >= 20 && fenced >= 20 {
            break;
        }
        let alice = subject(&format!("alice{round}"));
        let epoch = rng.epoch();
        assert_eq!(store.epoch(&alice, epoch, HOUR, at(0)).await.unwrap().epoch, epoch);
        let parent = rng.record(Some(&alice));
        assert!(store.insert(&parent, Fence::None).await.unwrap().is_inserted());
        let fence = if parent_fence { Fence::Parent(parent.selector) } else { Fence::Epoch(epoch) };
        let start = Arc::new(Barrier::new(4));
        let mut logins = JoinSet::new();
        for n in 0..3 {
            let (store, record, start) = (store.clone(), rng.record(Some(&alice)), start.clone());
            logins.spawn(async move {
                start.wait().await;
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                store.insert(&record, fence).await.unwrap()
            });
        }
        start.wait().await;
        let to = EpochUpdate::Set { epoch: rng.epoch(), now: at(0), keep: HOUR };
        let count = store
            .revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), action).epoch(to))
            .await
            .unwrap();
        let answers = logins.join_all().await;
        let in_time = answers.iter().filter(|answer| answer.is_inserted()).count() as u64;
        assert_eq!(count, in_time + 1, "round {round}: the count is exact");
        let page = Page::first(std::num::NonZeroU16::MAX);
        let left = store.list_by_subject(&alice, &page).await.unwrap();
        assert!(
            left.into_iter().filter_map(Listed::record).all(|record| record.revoked.is_some()),
            "round {round}: one slipped in"
        );
        inserted += in_time;
        fenced += 3 - in_time;
    }
    println!("{inserted} inserted, {fenced} fenced");
    assert!(inserted >= 20 && fenced >= 20, "no race: {inserted} inserted, {fenced} fenced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s11_no_login_slips_in_behind_a_removal_of_everything() {
    fence_race(Action::Remove, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s11_no_restored_session_slips_in_behind_a_marking_of_everything() {
    fence_race(Action::Mark { reason: Reason::LoggedOut, at: at(0) }, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s8_no_record_is_saved_by_a_racing_replace() {
    let mut rng = Rng::seeded();
    let (_folder, store) = store();
    let alice = subject("alice");
    for round in 0..150 {
        let records: Vec<_> = (0..8).map(|_| rng.record(Some(&alice))).collect();
        for record in &records {
            assert!(store.insert(record, Fence::None).await.unwrap().is_inserted());
        }
        let mut writers = JoinSet::new();
        for record in records.clone() {
            let store = store.clone();
            let mut rng = Rng(rng.next());
            writers.spawn(async move {
                let mut record = record;
                loop {
                    let next = rng.rotated(&record);
                    match store.replace(&next, record.revision, Change::Update).await.unwrap() {
                        Replace::Replaced => record = next,
                        end => return end,
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_micros(rng.below(1_000))).await;
        let mark = round % 2 == 0;
        let action = match mark {
            true => Action::Mark { reason: Reason::LoggedOut, at: at(0) },
            false => Action::Remove,
        };
        let all = RecordFilter::all();
        let count = store.revoke_by_subject(&alice, &Revocation::new(all.clone(), action)).await.unwrap();
        assert_eq!(count, 8, "round {round}");
        let end = if mark { Replace::Conflict } else { Replace::Missing };
        assert!(writers.join_all().await.iter().all(|answer| *answer == end), "round {round}");
        for record in &records {
            let left = store.find(record.selector).await.unwrap();
            assert_eq!(left.is_some_and(|record| record.revoked.is_some()), mark, "round {round}");
        }
        store.revoke_by_subject(&alice, &Revocation::new(all, Action::Remove)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_finish_and_lose_nothing() {
    let mut rng = Rng::seeded();
    let (folder, store) = store();
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let store = store.clone();
        let mut rng = Rng(rng.next());
        tasks.spawn(async move {
            let mut record = rng.record(Some(&subject(&format!("user{task}"))));
            assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
            for _ in 0..50 {
                let next = rng.rotated(&record);
                assert_eq!(
                    store.replace(&next, record.revision, Change::Update).await.unwrap(),
                    Replace::Replaced
                );
                record = next;
            }
            record
        });
    }
    let records = tokio::time::timeout(Duration::from_secs(60), tasks.join_all()).await.unwrap();
    store.close().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    for record in records {
        assert_eq!(store.find(record.selector).await.unwrap(), Some(record));
    }
}

/// Polls `call` once, waits for `patience`, and drops it if it has not finished then.
async fn cut<T>(call: impl Future<Output = T>, patience: Duration) -> bool {
    let mut call = std::pin::pin!(call);
    for patience in [patience, Duration::ZERO] {
        if std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await {
            return true;
        }
        std::thread::sleep(patience);
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s13_a_dropped_future_leaves_a_record_untouched_or_whole() {
    let mut rng = Rng::seeded();
    let (folder, store) = store();
    let alice = subject("alice");
    let (mut untouched, mut written) = (0, 0);
    let mut expected: Vec<(Selector, Vec<Option<Record>>)> = Vec::new();
    for round in 0..300_u32 {
        let record = rng.record(Some(&alice));
        assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
        let mut next = rng.rotated(&record);
        next.purge_at = at(2_600_000);
        let patience = Duration::from_micros(rng.below(2) * rng.below(300));
        let deletes = round % 3 == 0;
        let finished = if deletes {
            cut(store.delete(record.selector, &Note::none()), patience).await
        } else {
            cut(store.replace(&next, record.revision, Change::Update), patience).await
        };
        let after = if deletes { None } else { Some(next) };
        let allowed = if finished { vec![after] } else { vec![Some(record.clone()), after] };
        let now = store.find(record.selector).await.unwrap();
        assert!(allowed.contains(&now), "round {round}");
        if now.as_ref() == Some(&record) {
            untouched += 1;
        } else {
            written += 1;
        }
        expected.push((record.selector, allowed));
    }
    println!("{untouched} untouched at first sight, {written} written");
    assert!(untouched > 0 && written > 0, "{untouched} untouched, {written} written");
    // The last handle is dropped when the last call has ended; the next opening waits for that.
    store.close().unwrap();
    let store = SledStore::open(folder.path()).unwrap();
    let mut left = 0;
    for (selector, allowed) in expected {
        let now = store.find(selector).await.unwrap();
        left += u64::from(now.is_some());
        assert!(allowed.contains(&now));
    }
    let all =
        store.revoke_by_subject(&alice, &Revocation::new(RecordFilter::all(), Action::Remove)).await.unwrap();
    assert_eq!(all, left, "the index agrees");
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_times_nothing_out() {
    let mut rng = Rng::seeded();
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::builder(folder.path()).touches(AckTouch::Written).open().unwrap();
    let mut record = rng.record(None);
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    for _ in 0..200 {
        let next = if rng.below(2) == 0 { rng.rotated(&record) } else { rng.touched(&record) };
        assert_eq!(store.replace(&next, record.revision, Change::Update).await.unwrap(), Replace::Replaced);
        record = next;
    }
}
