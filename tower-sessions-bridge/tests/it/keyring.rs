//! With a keyring, an attacker who can write to the database can neither create nor change a session.

use std::sync::Arc;

use hallpass_core::danger::accept_unkeyed_until;
use hallpass_core::store::{Body, Fence, Record as Row, TokenStore};
use hallpass_core::{KeyId, Keyring, ManualClock, MemoryStore, Note, Timestamp};
use hallpass_test_store::Gate;
use hallpass_tower_sessions_bridge::TowerSessionStore;
use tower_sessions::SessionStore;
use tower_sessions::session::Id;

use crate::{START, created, session};

fn ring(id: u32) -> Keyring {
    Keyring::new(KeyId::new(id).unwrap(), &[id as u8; 32]).unwrap()
}

struct World {
    memory: MemoryStore,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(START * 1_000)));
        Self { memory: MemoryStore::new(), clock }
    }

    fn store(&self, ring: Option<Keyring>) -> TowerSessionStore {
        let store = TowerSessionStore::new(self.memory.clone()).clock(self.clock.clone());
        match ring {
            Some(ring) => store.keyring(ring),
            None => store,
        }
    }

    /// Replaces a row, as an attacker with write access to the database would.
    async fn write(&self, row: Row) {
        self.memory.delete(row.selector, &Note::none()).await.unwrap();
        assert!(self.memory.insert(&row, Fence::None).await.unwrap().is_inserted());
    }
}

/// The row of a session.
async fn row(world: &World, ring: Keyring, id: Id) -> Row {
    let gate = Gate::new(world.memory.clone());
    let store = TowerSessionStore::new(gate.clone()).clock(world.clock.clone()).keyring(ring);
    store.load(&id).await.unwrap();
    world.memory.find(gate.last_selector()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_sealed_session_is_created_saved_and_loaded() {
    let world = World::new();
    let store = world.store(Some(ring(1)));
    let mut record = created(&store, session("as it was")).await;
    assert_eq!(store.load(&record.id).await.unwrap().as_ref(), Some(&record));
    record.data.insert("key".into(), "changed".into());
    store.save(&record).await.unwrap();
    assert_eq!(store.load(&record.id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn a_session_that_was_changed_in_the_database_is_over() {
    let world = World::new();
    let store = world.store(Some(ring(1)));
    let mine = created(&store, session("user 7, guest")).await;
    let honest = row(&world, ring(1), mine.id).await;
    let mut bytes = honest.body.as_bytes().to_vec();
    let at = bytes.windows(5).position(|window| window == b"guest").unwrap();
    bytes[at..at + 5].copy_from_slice(b"admin");
    let promoted = Row { body: Body::new(bytes).unwrap(), ..honest.clone() };
    let later = honest.idle_at.map(|at| at.saturating_add(std::time::Duration::from_secs(9_999)));
    let prolonged = Row { idle_at: later, purge_at: honest.expires_at, ..honest.clone() };
    for forged in [promoted, prolonged] {
        world.write(forged).await;
        assert_eq!(store.load(&mine.id).await.unwrap(), None);
    }
    world.write(honest).await;
    assert_eq!(store.load(&mine.id).await.unwrap(), Some(mine));
}

#[tokio::test]
async fn a_session_that_was_made_up_or_copied_in_the_database_is_none() {
    let world = World::new();
    let (sealed, bare) = (world.store(Some(ring(1))), world.store(None));
    let made_up = created(&bare, session("user 7, admin")).await;
    assert_eq!(sealed.load(&made_up.id).await.unwrap(), None, "without a key");
    let other_key = Keyring::new(KeyId::new(1).unwrap(), &[9; 32]).unwrap();
    let made_up = created(&world.store(Some(other_key)), session("user 7, admin")).await;
    assert_eq!(sealed.load(&made_up.id).await.unwrap(), None, "with another");
    let (mine, theirs) =
        (created(&sealed, session("me")).await, created(&sealed, session("the administrator")).await);
    let copied = row(&world, ring(1), theirs.id).await;
    let target = row(&world, ring(1), mine.id).await;
    world.write(Row { body: copied.body, ..target }).await;
    assert_eq!(sealed.load(&mine.id).await.unwrap(), None, "one session's body in another's row");
}

#[tokio::test]
async fn keys_can_be_replaced_without_a_log_out() {
    let world = World::new();
    let id = |id: u32| KeyId::new(id).unwrap();
    let old = world.store(Some(ring(1)));
    let record = created(&old, session("old")).await;
    let ready = world.store(Some(ring(1).verify_only(id(2), &[2; 32]).unwrap()));
    let new = world.store(Some(ring(2).verify_only(id(1), &[1; 32]).unwrap()));
    assert!(new.load(&record.id).await.unwrap().is_some());
    new.save(&record).await.unwrap();
    assert!(ready.load(&record.id).await.unwrap().is_some(), "a node that still signs with the old one");
    assert_eq!(old.load(&record.id).await.unwrap(), None, "a node that was left out");
    assert!(
        world.store(Some(ring(2))).load(&record.id).await.unwrap().is_some(),
        "every save takes the new one"
    );
    let untouched = created(&old, session("old")).await;
    let retired = world.store(Some(ring(2).retired(id(1)).unwrap()));
    assert_eq!(retired.load(&untouched.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_running_site_moves_to_a_keyring() {
    let world = World::new();
    let bare = world.store(None);
    let record = created(&bare, session("before")).await;
    let until = Timestamp::from_millis((START + 60) * 1_000);
    let moving = world.store(Some(accept_unkeyed_until(ring(1), until)));
    assert!(moving.load(&record.id).await.unwrap().is_some());
    let kept = created(&bare, session("before")).await;
    moving.save(&kept).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(moving.load(&record.id).await.unwrap(), None);
    assert!(moving.load(&kept.id).await.unwrap().is_some(), "it was sealed when it was saved");
    assert_eq!(bare.load(&kept.id).await.unwrap(), None, "a node without the ring cannot judge it");
}
