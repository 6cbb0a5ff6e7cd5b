//! Tests concurrent calls that share a flush, and calls that are dropped (S13).

use std::task::Poll;
use std::time::Duration;

use hallpass_core::store::{Action, Change, Fence, Record, RecordFilter, Replace, Revocation, TokenStore};
use hallpass_core::{Note, Selector};
use hallpass_store_sled::{SledStore, danger};
use tokio::task::JoinSet;

use crate::support::{Rng, at, store, subject};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_finish_and_lose_nothing() {
    let mut rng = Rng::seeded();
    let (folder, store) = store();
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let store = store.clone();
        let mut rng = Rng::of(rng.seed());
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

/// Polls `call` once, waits for `pause`, and drops it if it has not finished then.
async fn cut<T>(call: impl Future<Output = T>, pause: Duration) -> bool {
    let mut call = std::pin::pin!(call);
    for pause in [pause, Duration::ZERO] {
        if std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await {
            return true;
        }
        std::thread::sleep(pause);
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
        let pause = Duration::from_micros(rng.below(2) * rng.below(300));
        let deletes = round % 3 == 0;
        let finished = if deletes {
            cut(store.delete(record.selector, &Note::none()), pause).await
        } else {
            cut(store.replace(&next, record.revision, Change::Update), pause).await
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
    let store = danger::acknowledge_touches_unflushed(SledStore::builder(folder.path())).open().unwrap();
    let mut record = rng.record(None);
    assert!(store.insert(&record, Fence::None).await.unwrap().is_inserted());
    for _ in 0..200 {
        let next = if rng.below(2) == 0 { rng.rotated(&record) } else { rng.touched(&record) };
        assert_eq!(store.replace(&next, record.revision, Change::Update).await.unwrap(), Replace::Replaced);
        record = next;
    }
}
