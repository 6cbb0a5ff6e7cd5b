//! An outage is an error, never "no such session". Data that cannot be stored are refused.

use hallpass_core::store::{Body, Fence, Record as Row, TokenStore};
use hallpass_core::{MemoryStore, Note};
use hallpass_test_store::{Call, Fault, Gate};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tokio::time::Instant;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::Record;
use tower_sessions::session_store::Error;
use tower_sessions::{ExpiredDeletion, SessionStore};

use crate::session;

async fn stored() -> (TowerSessionStore, Gate, MemoryStore, Record) {
    let memory = MemoryStore::new();
    let gate = Gate::new(memory.clone());
    let store = TowerSessionStore::new(gate.clone());
    let mut record = session("as it was");
    record.expiry_date = OffsetDateTime::now_utc() + Duration::hours(1);
    store.create(&mut record).await.unwrap();
    (store, gate, memory, record)
}

#[tokio::test]
async fn an_outage_is_an_error_of_the_backend_and_passes() {
    let (store, gate, _, mut record) = stored().await;
    let before = record.clone();
    gate.all_down();
    record.data.clear();
    for error in [
        store.load(&record.id).await.unwrap_err(),
        store.save(&record).await.unwrap_err(),
        store.delete(&record.id).await.unwrap_err(),
        store.create(&mut session(1)).await.unwrap_err(),
        store.delete_expired().await.unwrap_err(),
    ] {
        let Error::Backend(text) = error else { panic!("{error:?}") };
        assert_eq!(text, "the store is unavailable: the test says so");
    }
    gate.up();
    assert_eq!(store.load(&before.id).await.unwrap(), Some(before));
}

#[tokio::test]
async fn an_outage_between_read_and_write_is_an_error_too() {
    let (store, gate, _, record) = stored().await;
    gate.fail_one(&[Call::Replace], 0, Fault::Down);
    assert!(matches!(store.save(&record).await, Err(Error::Backend(_))));
}

#[tokio::test]
async fn an_unknown_outcome_is_found_out() {
    let (store, gate, _, mut record) = stored().await;
    record.data.insert("key".into(), "saved".into());
    gate.fail_one(&[Call::Replace], 0, Fault::Done);
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap().as_ref(), Some(&record));

    gate.fail_one(&[Call::Replace], 0, Fault::NotDone);
    assert!(matches!(store.save(&record).await, Err(Error::Backend(_))), "not written, and said so");

    let mut created = record.clone();
    created.id = Default::default();
    gate.fail_one(&[Call::Insert], 0, Fault::Done);
    store.create(&mut created).await.unwrap();
    assert_eq!(store.load(&created.id).await.unwrap().as_ref(), Some(&created));

    created.id = Default::default();
    gate.fail_one(&[Call::Insert], 0, Fault::NotDone);
    assert!(matches!(store.create(&mut created).await, Err(Error::Backend(_))));
    assert_eq!(store.load(&created.id).await.unwrap(), None);

    gate.fail_one(&[Call::Delete], 0, Fault::Done);
    assert!(
        matches!(store.delete(&record.id).await, Err(Error::Backend(_))),
        "a logout is acknowledged or an error"
    );
}

#[tokio::test]
async fn a_lost_race_is_run_again() {
    let (store, gate, _, mut record) = stored().await;
    record.data.insert("key".into(), "saved".into());
    gate.lose_some(Call::Replace, 0, 1);
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), Some(record));
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_always_lost_ends_in_an_error_in_time() {
    let (store, gate, _, record) = stored().await;
    gate.lose(Call::Replace);
    let begun = Instant::now();
    let Err(Error::Backend(text)) = store.save(&record).await else { panic!("it cannot be saved") };
    assert_eq!(text, "the session kept changing until the time limit");
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_session_whose_row_is_damaged_is_over_and_its_browser_gets_another() {
    let (store, gate, memory, record) = stored().await;
    let row = memory.find(gate.last_selector()).await.unwrap().unwrap();
    let mut wrong_version = row.body.as_bytes().to_vec();
    wrong_version[1] = 9;
    for bytes in [wrong_version, vec![], vec![0; 40]] {
        let damaged = Row { body: Body::new(bytes).unwrap(), ..row.clone() };
        memory.delete(row.selector, &Note::none()).await.unwrap();
        let _ = memory.insert(&damaged, Fence::None).await.unwrap();
        assert_eq!(store.load(&record.id).await.unwrap(), None);
        store.save(&record).await.unwrap();
        assert_eq!(store.load(&record.id).await.unwrap(), None, "no save revives it");
        let mut next = record.clone();
        store.create(&mut next).await.unwrap();
        assert_ne!(next.id, record.id, "its id is taken");
        assert!(store.load(&next.id).await.unwrap().is_some());
    }
    store.delete(&record.id).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None, "it can be deleted");
}

/// Cut in the middle of the data, which only decoding the JSON reveals.
#[tokio::test]
async fn a_session_whose_data_are_cut_is_over() {
    let (store, gate, memory, record) = stored().await;
    let row = memory.find(gate.last_selector()).await.unwrap().unwrap();
    let mut cut = row.body.as_bytes().to_vec();
    cut.truncate(cut.len() - 1);
    let damaged = Row { body: Body::new(cut).unwrap(), ..row.clone() };
    memory.delete(row.selector, &Note::none()).await.unwrap();
    let _ = memory.insert(&damaged, Fence::None).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (store, _, _, before) = stored().await;
    let mut record = before.clone();
    record.data.insert("key".into(), "x".repeat(16 * 1024).into());
    for error in [store.save(&record).await.unwrap_err(), store.create(&mut record).await.unwrap_err()] {
        let Error::Encode(text) = error else { panic!("{error:?}") };
        assert_eq!(text, "session data are 16394 bytes of JSON, 16384 fit");
    }
    assert_eq!(store.load(&before.id).await.unwrap(), Some(before.clone()));

    record.data.insert("key".into(), "x".repeat(16 * 1024 - 10).into());
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&before.id).await.unwrap(), Some(record.clone()), "the largest");

    let deep = (0..127).fold(serde_json::Value::Null, |inner, _| vec![inner].into());
    record.data.insert("key".into(), deep);
    assert!(matches!(store.save(&record).await, Err(Error::Encode(_))));
}
