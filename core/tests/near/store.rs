//! A store that counts its calls, holds back a read, and has a feed that misbehaves on demand.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announcer, Change, ChangeFeed, Epoch, Fence, Heard, Insert, Listed, Lost, Page, Proven,
    Purged, Record, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::Semaphore;

use crate::world::NodeTime;

/// What the turns of the feed do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They report what ended, and prove it.
    Good,
    /// They report what ended, and prove the turn before. The answer takes this long, by the node's clock.
    TwoPongs(Duration),
    /// The same, but every second turn fails.
    OnePong,
    /// They fail and report nothing.
    Fails,
    /// They never end.
    Hangs,
    /// They say that endings may have been missed.
    Loses(Lost),
    /// They report a loss, and then return this.
    LosesMidway(Proven),
    /// The answer takes this long, by the node's clock.
    Slow(Duration),
    /// They panic.
    Panics,
    /// No feed can be opened.
    Closed,
    /// Opening a feed never ends.
    OpeningHangs,
}

#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) inner: MemoryStore,
    pub(crate) node: Arc<NodeTime>,
    mode: Arc<Mutex<Mode>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
    held: Arc<Mutex<Option<Held>>>,
    held_replace: Arc<Mutex<Option<Held>>>,
    held_revoke: Arc<Mutex<Option<Held>>>,
    stuck: Arc<Mutex<Option<Arc<Semaphore>>>>,
    heard: Arc<Mutex<Option<Heard>>>,
    held_turn: Arc<Mutex<Option<Held>>>,
    turns: Arc<AtomicUsize>,
    feeds: Arc<AtomicUsize>,
}

/// A call that is held back: most when they have done their work, and before they answer.
#[derive(Clone)]
pub(crate) struct Held {
    arrived: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl Held {
    fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), passes: Arc::new(Semaphore::new(0)) }
    }

    async fn hold(self) {
        self.arrived.add_permits(1);
        self.passes.acquire().await.unwrap().forget();
    }

    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub(crate) fn release(&self) {
        self.passes.add_permits(1);
    }
}

impl Store {
    pub(crate) fn new(node: Arc<NodeTime>) -> Self {
        Self {
            inner: MemoryStore::new(),
            node,
            mode: Arc::new(Mutex::new(Mode::Good)),
            calls: Arc::default(),
            held: Arc::default(),
            held_replace: Arc::default(),
            held_revoke: Arc::default(),
            stuck: Arc::default(),
            heard: Arc::default(),
            held_turn: Arc::default(),
            turns: Arc::default(),
            feeds: Arc::default(),
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub(crate) fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    /// Returns the calls since the last call of this method.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// Holds back the answer of the next `find`.
    pub(crate) fn hold_find(&self) -> Held {
        self.held.lock().unwrap().insert(Held::new()).clone()
    }

    /// Holds back the answer of the next `replace`.
    pub(crate) fn hold_replace(&self) -> Held {
        self.held_replace.lock().unwrap().insert(Held::new()).clone()
    }

    /// Holds back the next `revoke_by_subject` before it has any effect.
    pub(crate) fn hold_revoke(&self) -> Held {
        self.held_revoke.lock().unwrap().insert(Held::new()).clone()
    }

    /// Lets every `find` hang from now on, until the semaphore that this returns is closed.
    pub(crate) fn hang_finds(&self) -> Arc<Semaphore> {
        let stuck = Arc::new(Semaphore::new(0));
        *self.stuck.lock().unwrap() = Some(Arc::clone(&stuck));
        stuck
    }

    /// Answers every later `find` again. Those that hang go on hanging.
    pub(crate) fn answer_finds(&self) {
        *self.stuck.lock().unwrap() = None;
    }

    /// Returns what the last turn reported to: a feed may keep it.
    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap().clone().unwrap()
    }

    /// Holds back the answer of the next turn.
    pub(crate) fn hold_turn(&self) -> Held {
        self.held_turn.lock().unwrap().insert(Held::new()).clone()
    }

    /// Returns the number of turns that have ended.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }

    /// Returns the number of feeds that were opened, or could not be.
    pub(crate) fn feeds(&self) -> usize {
        self.feeds.load(Ordering::SeqCst)
    }

    fn count(&self, call: &'static str) {
        self.calls.lock().unwrap().push(call);
    }
}

#[async_trait]
impl Announcer for Store {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        self.feeds.fetch_add(1, Ordering::SeqCst);
        if self.mode() == Mode::Closed {
            return Err(StoreError::Unavailable("the test says so".into()));
        }
        if self.mode() == Mode::OpeningHangs {
            return std::future::pending().await;
        }
        let inner = self.inner.announcer().unwrap().feed().await?;
        Ok(Box::new(Feed { inner, store: self.clone() }))
    }
}

#[derive(Debug)]
struct Feed {
    inner: Box<dyn ChangeFeed>,
    store: Store,
}

#[async_trait]
impl ChangeFeed for Feed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        *self.store.heard.lock().unwrap() = Some(heard.clone());
        let answer = match self.store.mode() {
            Mode::Good => self.inner.turn(heard).await,
            Mode::Slow(time) => {
                let answer = self.inner.turn(heard).await;
                self.store.node.advance(time);
                answer
            }
            Mode::TwoPongs(time) => {
                let answer = self.inner.turn(heard).await;
                self.store.node.advance(time);
                answer.map(|_| Proven::TurnBefore)
            }
            Mode::OnePong if self.store.turns().is_multiple_of(2) => Ok(Proven::TurnBefore),
            Mode::Fails | Mode::OnePong => Err(StoreError::Unavailable("the test says so".into())),
            Mode::Hangs => std::future::pending().await,
            Mode::Loses(why) => Ok(Proven::Lost(why)),
            Mode::LosesMidway(proven) => {
                heard.lost(Lost::Flushed);
                Ok(proven)
            }
            Mode::Panics => panic!("the test says so"),
            Mode::Closed | Mode::OpeningHangs => Ok(Proven::Lost(Lost::Closed)),
        };
        let held = self.store.held_turn.lock().unwrap().take();
        if let Some(held) = held {
            held.hold().await;
        }
        self.store.turns.fetch_add(1, Ordering::SeqCst);
        answer
    }
}

#[async_trait]
impl TokenStore for Store {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.count("insert");
        self.inner.insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.count("find");
        let stuck = self.stuck.lock().unwrap().clone();
        if let Some(stuck) = stuck {
            // It is closed in the end, and never has a permit.
            drop(stuck.acquire().await);
        }
        let found = self.inner.find(selector).await;
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.hold().await;
        }
        found
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.count("replace");
        let replaced = self.inner.replace(next, expected, change).await;
        let held = self.held_replace.lock().unwrap().take();
        if let Some(held) = held {
            held.hold().await;
        }
        replaced
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.count("delete");
        self.inner.delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.count("revoke");
        let held = self.held_revoke.lock().unwrap().take();
        if let Some(held) = held {
            held.hold().await;
        }
        self.inner.revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.count("list");
        self.inner.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.count("epoch");
        self.inner.epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.count("purge");
        self.inner.purge_expired(now, limit).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
