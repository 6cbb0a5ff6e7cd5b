//! A store in memory that can be switched off, counts its calls, and can make calls overlap.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{MemoryStore, Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::Barrier;
use tokio::time::timeout;

/// The barrier where calls meet, and the number of calls still to come.
type Meeting = (Arc<Barrier>, usize);

#[derive(Clone, Debug, Default)]
pub(crate) struct Switched {
    store: MemoryStore,
    off: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
    writes: Arc<AtomicUsize>,
    /// The number of the next write that fails, counted from one. Zero: none.
    failing: Arc<AtomicUsize>,
    /// Whether that write happens nevertheless.
    done: Arc<AtomicBool>,
    meeting: Arc<Mutex<Option<Meeting>>>,
}

impl Switched {
    pub(crate) fn switch(&self, on: bool) {
        self.off.store(!on, Ordering::SeqCst);
    }

    /// Returns the numbers of reads and writes since the last call.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.reads.swap(0, Ordering::SeqCst), self.writes.swap(0, Ordering::SeqCst))
    }

    /// Makes a single write fail, after `others` others.
    pub(crate) fn fail_write(&self, others: usize) {
        self.done.store(false, Ordering::SeqCst);
        self.failing.store(others + 1, Ordering::SeqCst);
    }

    /// Makes a single write happen and lose its answer, after `others` others.
    pub(crate) fn lose_write(&self, others: usize) {
        self.done.store(true, Ordering::SeqCst);
        self.failing.store(others + 1, Ordering::SeqCst);
    }

    /// Makes every write work again.
    pub(crate) fn fail_no_write(&self) {
        self.failing.store(0, Ordering::SeqCst);
    }

    /// Makes the next `count` finds overlap: none returns before all have begun.
    pub(crate) fn meet(&self, count: usize) {
        *self.meeting.lock().unwrap() = Some((Arc::new(Barrier::new(count)), count));
    }

    async fn write<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.answer(&self.writes)?;
        let counted = |left: usize| left.checked_sub(1);
        match self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted) {
            Ok(1) if self.done.load(Ordering::SeqCst) => {
                work.await?;
                Err(StoreError::Timeout { source: "this write".into(), outcome_unknown: true })
            }
            Ok(1) => Err(StoreError::Unavailable("this write".into())),
            _ => work.await,
        }
    }

    fn answer(&self, calls: &AtomicUsize) -> Result<(), StoreError> {
        calls.fetch_add(1, Ordering::SeqCst);
        match self.off.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("switched off".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl TokenStore for Switched {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.write(self.store.insert(record, fence)).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.answer(&self.reads)?;
        let found = self.store.find(selector).await;
        let barrier = {
            let mut meeting = self.meeting.lock().unwrap();
            match &mut *meeting {
                Some((barrier, left)) if *left > 0 => {
                    *left -= 1;
                    Some(barrier.clone())
                }
                _ => None,
            }
        };
        if let Some(barrier) = barrier {
            let patience = Duration::from_secs(20);
            timeout(patience, barrier.wait()).await.expect("as many calls as were to meet");
        }
        found
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.write(self.store.replace(next, expected, change)).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.write(self.store.delete(selector, note)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.write(self.store.revoke_by_subject(subject, revocation)).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.answer(&self.reads)?;
        self.store.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.write(self.store.epoch(subject, fresh, keep, now)).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.write(self.store.purge_expired(now, limit)).await
    }
}
