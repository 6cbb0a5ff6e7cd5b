//! Create, save, load, delete and cycle, with the semantics of tower-sessions.

use std::sync::Arc;

use hallpass_core::store::{Record as Row, TokenStore};
use hallpass_core::{Kind, MemoryStore, Note, Selector};
use hallpass_store_sled::SledStore;
use hallpass_test_store::{Call, Gate};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Session};
use tower_sessions::{ExpiredDeletion, SessionStore};

use crate::{at, created, everything, memory, session};

#[tokio::test]
async fn what_is_created_is_loaded() {
    let (store, _) = memory();
    let mut created = session(everything());
    created.expiry_date += Duration::nanoseconds(123_456_789);
    store.create(&mut created).await.unwrap();
    assert_eq!(store.load(&created.id).await.unwrap(), Some(created));
}

#[tokio::test]
async fn what_is_saved_is_loaded() {
    let (store, _) = memory();
    let mut record = created(&store, session(1)).await;
    for value in 2..10 {
        record.data.insert("key".into(), value.into());
        record.data.insert(format!("key {value}"), everything());
        record.expiry_date += Duration::microseconds(1_001);
        store.save(&record).await.unwrap();
        assert_eq!(store.load(&record.id).await.unwrap().as_ref(), Some(&record));
    }
    record.data.clear();
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_may_be_deleted_again() {
    let (store, _) = memory();
    let (mut record, mut other) = (session(1), session(2));
    store.create(&mut record).await.unwrap();
    store.create(&mut other).await.unwrap();
    store.delete(&record.id).await.unwrap();
    store.delete(&record.id).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), None);
    assert_eq!(store.load(&other.id).await.unwrap(), Some(other));
}

#[tokio::test]
async fn a_taken_id_is_replaced_and_its_session_is_untouched() {
    let (store, _) = memory();
    let first = created(&store, session("first")).await;
    let mut second = session("second");
    second.id = first.id;
    store.create(&mut second).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(store.load(&first.id).await.unwrap(), Some(first));
    assert_eq!(store.load(&second.id).await.unwrap(), Some(second));
}

#[tokio::test]
async fn three_taken_ids_in_a_row_are_an_error() {
    let gate = Gate::new(MemoryStore::new());
    let store = TowerSessionStore::new(gate.clone());
    gate.lose_some(Call::Insert, 0, 3);
    let error = store.create(&mut session(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "three session ids in a row were taken");
    store.create(&mut session(1)).await.unwrap();
}

#[tokio::test]
async fn every_expiry_date_is_kept_or_over() {
    let (store, _) = memory();
    let last = OffsetDateTime::from_unix_timestamp_nanos(253_402_300_799_999_999_999).unwrap();
    for (expiry_date, lives) in [
        (last, true),
        (at(Duration::nanoseconds(1_000_000)), true),
        (at(Duration::ZERO), false),
        (OffsetDateTime::UNIX_EPOCH - Duration::nanoseconds(1), false),
        (OffsetDateTime::from_unix_timestamp(-377_705_116_800).unwrap(), false),
    ] {
        let mut record = session(1);
        record.expiry_date = expiry_date;
        store.create(&mut record).await.unwrap();
        let expected = lives.then(|| record.clone());
        assert_eq!(store.load(&record.id).await.unwrap(), expected, "{expiry_date}");
    }
}

#[tokio::test]
async fn a_cycled_id_takes_the_data_along_and_leaves_nothing() {
    let store = Arc::new(TowerSessionStore::new(MemoryStore::new()));
    let first = Session::new(None, store.clone(), None);
    first.insert("key", 42).await.unwrap();
    first.save().await.unwrap();
    let old = first.id().unwrap();

    let session = Session::new(Some(old), store.clone(), None);
    session.cycle_id().await.unwrap();
    session.save().await.unwrap();
    let new = session.id().unwrap();
    assert_ne!(old, new);
    assert_eq!(store.load(&old).await.unwrap(), None);
    let again = Session::new(Some(new), store.clone(), None);
    assert_eq!(again.get::<i32>("key").await.unwrap(), Some(42));

    again.flush().await.unwrap();
    assert_eq!(store.load(&new).await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_on_a_folder_keeps_sessions_and_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut kept, mut ended) = (session(everything()), session(2));
    kept.expiry_date = OffsetDateTime::now_utc() + Duration::hours(1);
    ended.expiry_date = kept.expiry_date;
    let sled = SledStore::open(folder.path().join("sessions")).unwrap();
    let store = TowerSessionStore::new(sled.clone());
    store.create(&mut kept).await.unwrap();
    store.create(&mut ended).await.unwrap();
    store.delete(&ended.id).await.unwrap();
    drop(store);
    sled.close().unwrap();

    let sled: Arc<dyn TokenStore> = Arc::new(SledStore::open(folder.path().join("sessions")).unwrap());
    let store = TowerSessionStore::new(sled);
    assert_eq!(store.load(&kept.id).await.unwrap(), Some(kept));
    assert_eq!(store.load(&ended.id).await.unwrap(), None);
}

#[tokio::test]
async fn only_the_very_record_is_a_session() {
    let memory = MemoryStore::new();
    let gate = Gate::new(memory.clone());
    let store = TowerSessionStore::new(gate.clone());
    let (mut mine, mut other) = (session("mine"), session("other"));
    for record in [&mut mine, &mut other] {
        record.expiry_date = OffsetDateTime::now_utc() + Duration::hours(1);
    }
    store.create(&mut mine).await.unwrap();
    let mine_row = memory.find(gate.last_selector()).await.unwrap().unwrap();
    store.create(&mut other).await.unwrap();
    let other_row = memory.find(gate.last_selector()).await.unwrap().unwrap();

    for (what, row) in [
        ("another kind", Row { kind: Kind::SESSION, ..mine_row.clone() }),
        ("another session's body", Row { body: other_row.body, ..mine_row.clone() }),
    ] {
        memory.delete(mine_row.selector, &Note::none()).await.unwrap();
        let _ = memory.insert(&row, hallpass_core::store::Fence::None).await.unwrap();
        assert_eq!(store.load(&mine.id).await.unwrap(), None, "{what}");
        store.save(&mine).await.unwrap();
        assert_eq!(memory.find(mine_row.selector).await.unwrap(), Some(row), "{what} is not overwritten");
    }
}

#[tokio::test]
async fn a_purge_removes_what_is_over_for_an_hour_and_nothing_else() {
    let backend = MemoryStore::new();
    let gate = Gate::new(backend.clone());
    let (_, clock) = memory();
    let store = TowerSessionStore::new(gate.clone()).clock(clock.clone());
    let mut selectors = Vec::new();
    for minute in 1..=2_400 {
        let mut record = session(minute);
        record.expiry_date = at(Duration::minutes(minute));
        store.create(&mut record).await.unwrap();
        selectors.push(gate.last_selector());
    }
    // The longest session that has been over for an hour lasted eighteen hours and thirty minutes, plus an eighth.
    clock.advance(std::time::Duration::from_secs(22 * 60 * 60));
    store.delete_expired().await.unwrap();
    let left = found(&backend, &selectors).await;
    let first = left.iter().position(Option::is_some).unwrap() + 1;
    assert_eq!(first, 1_121, "minutes that the shortest of them had");
    assert!(left[first..].iter().all(Option::is_some));
    store.delete_expired().await.unwrap();
    assert_eq!(found(&backend, &selectors).await, left, "a second time there is nothing to do");
}

#[tokio::test]
async fn an_unknown_id_is_no_session() {
    let (store, _) = memory();
    let record = created(&store, session(1)).await;
    for id in [0, 1, -1, i128::MAX, i128::MIN, record.id.0 ^ 1, record.id.0 ^ (1 << 127)] {
        assert_eq!(store.load(&Id(id)).await.unwrap(), None);
    }
}

async fn found(backend: &impl TokenStore, selectors: &[Selector]) -> Vec<Option<Row>> {
    let mut rows = Vec::new();
    for selector in selectors {
        rows.push(backend.find(*selector).await.unwrap());
    }
    rows
}
