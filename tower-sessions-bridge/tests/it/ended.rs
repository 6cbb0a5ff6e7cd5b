//! A session that is over stays over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_core::store::TokenStore;
use hallpass_core::{Clock, MemoryStore};
use hallpass_store_sled::SledStore;
use hallpass_test_store::{Call, Gate};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::sync::Barrier;
use tower_sessions::SessionStore;
use tower_sessions::cookie::time::{self, OffsetDateTime};
use tower_sessions::session::Record;

use crate::{at, created, memory, session};

#[tokio::test]
async fn a_save_after_the_delete_brings_nothing_back() {
    let gate = Gate::new(MemoryStore::new());
    let store = TowerSessionStore::new(gate.clone());
    let record = created(&store, living(1)).await;
    store.delete(&record.id).await.unwrap();
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None);
    assert_eq!(gate.find(gate.last_selector()).await.unwrap(), None, "not even a row");
}

#[tokio::test]
async fn a_save_of_an_id_that_was_never_created_makes_no_session() {
    let (store, _) = memory();
    let chosen_by_the_client = session(1);
    store.save(&chosen_by_the_client).await.unwrap();
    assert_eq!(store.load(&chosen_by_the_client.id).await.unwrap(), None);
}

/// The save reads the record; then the delete runs from beginning to end; then the save writes.
#[tokio::test]
async fn a_save_that_began_before_the_delete_brings_nothing_back() {
    let gate = Gate::new(MemoryStore::new());
    let store = TowerSessionStore::new(gate.clone());
    let record = created(&store, living(1)).await;

    let held = gate.hold_once(Call::Replace);
    let saving = tokio::spawn({
        let (store, record) = (store.clone(), record.clone());
        async move { store.save(&record).await }
    });
    held.arrival().await;
    store.delete(&record.id).await.unwrap();
    held.release();
    saving.await.unwrap().unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_delete_among_saves_wins_in_memory() {
    delete_among_saves(MemoryStore::new(), 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_delete_among_saves_wins_on_sled() {
    let folder = tempfile::tempdir().unwrap();
    delete_among_saves(SledStore::open(folder.path().join("sessions")).unwrap(), 40).await;
}

/// Four tasks save one session as fast as they can while it is deleted. Once the delete is acknowledged, no load
/// shows the session again, however many saves are still under way.
async fn delete_among_saves(backend: impl TokenStore, rounds: usize) {
    let store = TowerSessionStore::new(backend);
    let overlapped = Arc::new(AtomicUsize::new(0));
    for round in 0..rounds {
        let record = created(&store, living(0)).await;
        let (begun, deleted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let together = Arc::new(Barrier::new(5));
        let savers: Vec<_> = (0..4)
            .map(|saver| {
                let (store, mut record) = (store.clone(), record.clone());
                let (begun, deleted, together) = (begun.clone(), deleted.clone(), together.clone());
                let overlapped = overlapped.clone();
                tokio::spawn(async move {
                    together.wait().await;
                    for value in 0.. {
                        let before = deleted.load(Ordering::SeqCst);
                        record.data.insert("key".into(), (saver * 1_000 + value).into());
                        begun.fetch_add(1, Ordering::SeqCst);
                        store.save(&record).await.unwrap();
                        let after = deleted.load(Ordering::SeqCst);
                        overlapped.fetch_add(usize::from(before == 0 && after > 0), Ordering::SeqCst);
                        if before == 2 {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        together.wait().await;
        while begun.load(Ordering::SeqCst) < 4 + round % 7 {
            tokio::task::yield_now().await;
        }
        deleted.store(1, Ordering::SeqCst);
        store.delete(&record.id).await.unwrap();
        assert_eq!(store.load(&record.id).await.unwrap(), None, "right after the delete");
        deleted.store(2, Ordering::SeqCst);
        for saver in savers {
            saver.await.unwrap();
        }
        assert_eq!(store.load(&record.id).await.unwrap(), None, "after the last save");
    }
    assert!(overlapped.load(Ordering::SeqCst) > 0, "no save was under way during a delete");
}

#[tokio::test]
async fn a_session_is_over_at_its_instant_and_no_save_moves_it_on() {
    let (store, clock) = memory();
    let mut record = created(&store, session(1)).await;
    clock.advance(Duration::from_millis(30 * 60 * 1_000 - 1));
    assert_eq!(store.load(&record.id).await.unwrap().as_ref(), Some(&record), "a millisecond before");
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.load(&record.id).await.unwrap(), None, "at the instant");
    record.expiry_date = at(time::Duration::hours(9));
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None, "a save came too late");
}

#[tokio::test]
async fn a_save_in_time_moves_the_expiry_either_way() {
    let (store, clock) = memory();
    let mut record = created(&store, session(1)).await;
    record.expiry_date = at(time::Duration::hours(2));
    store.save(&record).await.unwrap();
    clock.advance(Duration::from_secs(60 * 60));
    assert!(store.load(&record.id).await.unwrap().is_some());
    record.expiry_date = at(time::Duration::hours(1) + time::Duration::seconds(1));
    store.save(&record).await.unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.load(&record.id).await.unwrap(), None);
}

#[tokio::test]
async fn the_absolute_end_is_moved_by_nothing() {
    let (_, clock) = memory();
    let gate = Gate::new(MemoryStore::new());
    let store =
        TowerSessionStore::new(gate.clone()).clock(clock.clone()).absolute(Duration::from_secs(3_600));
    let mut record = created(&store, session(1)).await;
    clock.advance(Duration::from_secs(1_200));
    record.expiry_date = at(time::Duration::days(100));
    store.save(&record).await.unwrap();
    let row = gate.find(gate.last_selector()).await.unwrap().unwrap();
    assert!(row.purge_at.since(row.expires_at) <= Duration::from_secs(3_600), "kept for days: {row:?}");
    let loaded = store.load(&record.id).await.unwrap().unwrap();
    assert_eq!(loaded.expiry_date, at(time::Duration::hours(1)), "the loaded record says so");
    clock.advance(Duration::from_millis(2_400 * 1_000 - 1));
    assert!(store.load(&record.id).await.unwrap().is_some());
    clock.advance(Duration::from_millis(1));
    assert_eq!(store.load(&record.id).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_concurrent_saves_one_stays_whole() {
    let (store, _) = memory();
    let record = created(&store, session(0)).await;
    let together = Arc::new(Barrier::new(16));
    let savers: Vec<_> = (1..=16)
        .map(|saver| {
            let (store, mut record, together) = (store.clone(), record.clone(), together.clone());
            record.data = [("key".into(), saver.into()), (format!("of {saver}"), saver.into())].into();
            record.expiry_date += time::Duration::seconds(saver);
            tokio::spawn(async move {
                together.wait().await;
                store.save(&record).await.unwrap();
                record
            })
        })
        .collect();
    let mut saved = Vec::new();
    for saver in savers {
        saved.push(saver.await.unwrap());
    }
    let last = store.load(&record.id).await.unwrap().unwrap();
    assert!(saved.contains(&last), "{last:?}");
}

#[tokio::test]
async fn a_delete_whose_caller_is_dropped_completes() {
    let gate = Gate::new(MemoryStore::new());
    let store = TowerSessionStore::new(gate.clone());
    let record = created(&store, living(1)).await;
    let held = gate.hold_once(Call::Delete);
    tokio::select! {
        biased;
        _ = store.delete(&record.id) => panic!("it waits at the gate"),
        () = held.arrival() => {} // the future of the delete is dropped here
    }
    held.release();
    for _ in 0..1_000 {
        if store.load(&record.id).await.unwrap().is_none() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the session is still there");
}

/// Most saves leave the indexed instant unchanged, though each moves the expiry date. The instant is never before
/// that date.
#[tokio::test]
async fn saves_rarely_move_the_instant_of_collection() {
    let backend = MemoryStore::new();
    let gate = Gate::new(backend.clone());
    let (_, clock) = memory();
    let store = TowerSessionStore::new(gate.clone()).clock(clock.clone());
    let mut record = created(&store, session(1)).await;
    let selector = gate.last_selector();
    let mut instants = Vec::new();
    for minute in 1..=240_i64 {
        clock.advance(Duration::from_secs(60));
        record.expiry_date = at(time::Duration::minutes(30 + minute));
        store.save(&record).await.unwrap();
        let row = backend.find(selector).await.unwrap().unwrap();
        assert!(row.idle_at.unwrap() <= row.purge_at, "collected while it lives");
        assert!(row.purge_at.since(clock.now()) <= Duration::from_secs(90 * 60), "kept for long");
        assert_eq!(row.revision.get(), 1 + minute as u64, "each save is one write");
        instants.push(row.purge_at);
    }
    instants.dedup();
    assert!(instants.len() <= 240 / 30 + 1, "{} changes", instants.len());

    let soon = at(time::Duration::minutes(241));
    for expiry_date in [at(time::Duration::hours(52)), soon] {
        record.expiry_date = expiry_date;
        store.save(&record).await.unwrap();
    }
    let row = backend.find(selector).await.unwrap().unwrap();
    assert!(row.purge_at.since(clock.now()) <= Duration::from_secs(62 * 60), "it was shortened: {row:?}");
}

fn living(value: i32) -> Record {
    Record { expiry_date: OffsetDateTime::now_utc() + time::Duration::hours(1), ..session(value) }
}
