//! A store for the tests of the examples: it fails on demand, and can hold reads until several wait.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::Barrier;
use tokio::time::timeout;

/// The longest time that a read is held.
const PATIENCE: Duration = Duration::from_secs(20);

/// A store that can be unplugged.
#[derive(Debug)]
pub(crate) struct Plugged {
    pub(crate) store: MemoryStore,
    /// Whether it fails.
    pub(crate) out: AtomicBool,
    /// How many of the next reads will wait for each other.
    held: AtomicUsize,
    gate: Barrier,
}

impl Plugged {
    /// Creates one whose reads can be held until `together` of them wait.
    pub(crate) fn new(together: usize) -> Self {
        Self {
            store: MemoryStore::new(),
            out: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            gate: Barrier::new(together),
        }
    }

    /// Holds the next `count` reads until `together` of them wait.
    pub(crate) fn hold(&self, count: usize) {
        self.held.store(count, Ordering::SeqCst);
    }

    /// The number of reads still to be held.
    pub(crate) fn to_hold(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    fn reach(&self) -> Result<&MemoryStore, StoreError> {
        if self.out.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable("unplugged".into()))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait]
impl TokenStore for Plugged {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.reach()?.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let held = self.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if held.is_ok() {
            let together = timeout(PATIENCE, self.gate.wait()).await;
            together.map_err(|_| StoreError::Unavailable("no other read came".into()))?;
        }
        self.reach()?.find(selector).await
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.reach()?.replace(next, expected, change).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.reach()?.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.reach()?.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.reach()?.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.reach()?.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.reach()?.purge_expired(now, limit).await
    }
}
