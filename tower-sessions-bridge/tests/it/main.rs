//! The promises of the bridge, tested through the traits of tower-sessions.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod ended;
mod errors;
mod keyring;
mod layer;
mod secrecy;
mod sessions;

use std::sync::Arc;

use hallpass_core::{ManualClock, MemoryStore, Timestamp};
use hallpass_tower_sessions_bridge::TowerSessionStore;
use serde_json::{Value, json};
use tower_sessions::SessionStore as _;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};

/// 2026-01-01T00:00:00Z, in seconds.
const START: u64 = 1_767_225_600;

/// A store in memory, and its clock.
fn memory() -> (TowerSessionStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(START * 1_000)));
    (TowerSessionStore::new(MemoryStore::new()).clock(clock.clone()), clock)
}

/// The instant `after` the start.
fn at(after: Duration) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(START as i64).unwrap() + after
}

/// A session of half an hour that holds `value`.
fn session(value: impl Into<Value>) -> Record {
    Record {
        id: Id::default(),
        data: [("key".to_owned(), value.into())].into(),
        expiry_date: at(Duration::minutes(30)),
    }
}

/// Stores a session.
async fn created(store: &TowerSessionStore, mut record: Record) -> Record {
    store.create(&mut record).await.unwrap();
    record
}

/// A value with every kind of JSON in it.
fn everything() -> Value {
    json!({"": [null, true, -1, u64::MAX, 0.1, "ü\0\u{1f511}"], "nested": {"a": [[[]], {}]}})
}
