//! A session id exists only at the client.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hallpass_core::MemoryStore;
use hallpass_store_sled::SledStore;
use hallpass_test_store::{Gate, Seen};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tower_sessions::SessionStore;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};

use crate::session;

/// The forms in which an id could be written, some of them shortened.
fn forms(id: Id) -> Vec<Vec<u8>> {
    let hex = format!("{:032x}", id.0);
    let little = format!("{:032x}", id.0.swap_bytes());
    vec![
        id.0.to_le_bytes().to_vec(),
        id.0.to_be_bytes().to_vec(),
        id.0.to_le_bytes()[..8].to_vec(),
        id.0.to_be_bytes()[..8].to_vec(),
        id.to_string().into_bytes(),
        id.to_string().as_bytes()[..11].to_vec(),
        id.0.to_string().into_bytes(),
        (id.0 as u128).to_string().into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        little.into_bytes(),
        id.0.to_le_bytes().map(|byte| byte.to_string()).join(", ").into_bytes(),
    ]
}

fn assert_without(bytes: &[u8], id: Id, place: &str) {
    for form in forms(id) {
        assert!(!holds(bytes, &form), "{place} holds {:?}", String::from_utf8_lossy(&form));
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Uses every operation of a store.
async fn live(store: &TowerSessionStore) -> Vec<Record> {
    let mut records: Vec<_> = (0..8).map(|_| session("a mark to find")).collect();
    for record in &mut records {
        record.expiry_date = OffsetDateTime::now_utc() + Duration::hours(1);
        store.create(record).await.unwrap();
        assert!(store.load(&record.id).await.unwrap().is_some());
        record.data.insert("more".into(), 1.into());
        store.save(record).await.unwrap();
    }
    store.delete(&records[0].id).await.unwrap();
    store.save(&records[0]).await.unwrap();
    records
}

#[tokio::test]
async fn no_backend_is_given_an_id() {
    let gate = Gate::new(MemoryStore::new());
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let seen_bytes = Arc::clone(&bytes);
    gate.watch(move |seen| {
        let mut bytes = seen_bytes.lock().unwrap();
        bytes.extend(format!("{seen:?}").into_bytes());
        match seen {
            Seen::Record(record) => bytes.extend(record.encode()),
            Seen::Selector(selector) => bytes.extend(selector.0),
            Seen::Note(note) => bytes.extend(note.as_bytes()),
        }
    });
    let records = live(&TowerSessionStore::new(gate.clone())).await;
    let bytes = bytes.lock().unwrap().clone();
    assert!(holds(&bytes, b"a mark to find"), "the search finds what is there");
    for record in records {
        assert_without(&bytes, record.id, "a call");
    }
}

#[tokio::test]
async fn no_id_is_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let sled = SledStore::open(&path).unwrap();
    let records = live(&TowerSessionStore::new(sled.clone())).await;
    sled.close().unwrap();
    let mut bytes = Vec::new();
    collect(&path, &mut bytes);
    assert!(holds(&bytes, b"a mark to find"), "the search finds what is there");
    for record in records {
        assert_without(&bytes, record.id, "a file");
    }
}

fn collect(folder: &Path, bytes: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, bytes) } else { bytes.extend(fs::read(path).unwrap()) }
    }
}

#[tokio::test]
async fn no_error_and_no_debug_output_holds_an_id_or_data() {
    let gate = Gate::new(MemoryStore::new());
    let store = TowerSessionStore::new(gate.clone());
    let mut record = session("a secret of the application");
    let mut text = format!("{store:?}");
    gate.all_down();
    text += &format!("{:?}", store.create(&mut record).await.unwrap_err());
    text += &format!("{:?}", store.save(&record).await.unwrap_err());
    text += &format!("{:?}", store.load(&record.id).await.unwrap_err());
    text += &format!("{:?}", store.delete(&record.id).await.unwrap_err());
    gate.up();
    record.data.insert("key".into(), "a secret of the application".repeat(1_000).into());
    text += &format!("{:?}", store.create(&mut record).await.unwrap_err());
    assert!(!text.contains("a secret of"), "{text}");
    assert_without(text.as_bytes(), record.id, "a text");
}
