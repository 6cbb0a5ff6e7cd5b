//! The store of a node: it notices which calls read it, and one of them keeps late fills.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::store::{
    Admission, Announced, Announcer, Change, ChangeFeed, Epoch, Fence, Heard, Insert, Listed, Lost, Page,
    Proven, Purged, Record, Replace, Revision, Revocation, TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};

tokio::task_local! { static HAS_READ: Cell<bool>; }

/// Does the work, and returns whether it called a watched store.
pub(crate) async fn noticing<T>(work: impl Future<Output = T>) -> (T, bool) {
    HAS_READ
        .scope(Cell::new(false), async {
            let done = work.await;
            (done, HAS_READ.with(Cell::get))
        })
        .await
}

/// A store that notices calls, with a planted fault or not.
pub(crate) struct Watched {
    store: Arc<dyn TokenStore>,
    late: Option<Late>,
}

/// The planted fault: a late fill. What a read brings is kept although the record ended during the read.
///
/// To the cache, an ending is a report of the feed. This passes on every report but that of a record which is being
/// read just then, so the cache behaves as if it had no fill guard. The answers of reads are held for a moment.
#[derive(Clone)]
pub(crate) struct Late {
    /// The longest time that an answer is held.
    hold: Duration,
    reading: Arc<Mutex<HashMap<Selector, usize>>>,
}

impl Watched {
    pub(crate) fn new(store: Arc<dyn TokenStore>) -> Self {
        Self { store, late: None }
    }

    /// A store whose reads are held for at most this long, for a cache that is to keep late fills.
    pub(crate) fn with_late_fills(store: Arc<dyn TokenStore>, hold: Duration) -> Self {
        Self { store, late: Some(Late { hold, reading: Arc::default() }) }
    }

    fn store(&self) -> &dyn TokenStore {
        // A call of a task of its own, such as a sample, is no one's.
        let _ = HAS_READ.try_with(|has_read| has_read.set(true));
        &*self.store
    }
}

impl Late {
    fn reading(&self) -> MutexGuard<'_, HashMap<Selector, usize>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, selector: Selector) -> Reading {
        *self.reading().entry(selector).or_default() += 1;
        Reading { late: self.clone(), selector }
    }

    fn is_reading(&self, selector: Selector) -> bool {
        self.reading().contains_key(&selector)
    }
}

/// A read under way, which may be dropped.
struct Reading {
    late: Late,
    selector: Selector,
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut reading = self.late.reading();
        if let Some(count) = reading.get_mut(&self.selector) {
            *count -= 1;
            if *count == 0 {
                reading.remove(&self.selector);
            }
        }
    }
}

/// The feed of such a store.
struct LateFeed {
    feed: Box<dyn ChangeFeed>,
    late: Late,
}

#[async_trait]
impl ChangeFeed for LateFeed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let (heard, late) = (heard.clone(), self.late.clone());
        let filtered = Heard::new(move |announced| match announced {
            Announced::Ended(selectors) => {
                let rest = selectors.iter().copied().filter(|selector| !late.is_reading(*selector));
                heard.ended(&rest.collect::<Vec<_>>());
            }
            Announced::Shard(shard) => heard.ended_shard(shard),
            Announced::Lost(why) => heard.lost(why),
            _ => heard.lost(Lost::Closed),
        });
        self.feed.turn(&filtered).await
    }
}

impl fmt::Debug for LateFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.feed.fmt(f)
    }
}

#[async_trait]
impl Announcer for Watched {
    async fn feed(&self) -> Result<Box<dyn ChangeFeed>, StoreError> {
        let Some(announcer) = self.store.announcer() else {
            return Err(StoreError::Refused("the store announces nothing".into()));
        };
        let feed = announcer.feed().await?;
        Ok(match &self.late {
            None => feed,
            Some(late) => Box::new(LateFeed { feed, late: late.clone() }),
        })
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.store().insert(record, fence).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        let _reading = self.late.as_ref().map(|late| late.begin(selector));
        let found = self.store().find(selector).await;
        if let Some(late) = &self.late {
            tokio::time::sleep(late.hold.mul_f64(fastrand::f64())).await;
        }
        found
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.store().replace(next, expected, change).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.store().delete(selector, note).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.store().revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.store().list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.store().epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.store().purge_expired(now, limit).await
    }

    fn announcer(&self) -> Option<&dyn Announcer> {
        Some(self)
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}
