//! A pool has eight connections, and each of them fails once after the server was gone (S12).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    before: Locked<Option<Trouble>>,
    stale: Locked<u32>,
}

#[async_trait]
impl Twist for Strange {
    fn declared() -> Declared {
        served()
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.connect(store)?;
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.connect(store)?;
        store.find(selector).await
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.connect(store)?;
        store.replace(next, expected, change).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.connect(store)?;
        store.delete(selector).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.connect(store)?;
        store.revoke(subject, filter, action, update).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        self.connect(store)?;
        store.list(subject, page).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        self.connect(store)?;
        store.epoch(subject, fresh, keep, now).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.connect(store)?;
        store.purge(now, limit).await
    }
}

impl Strange {
    fn connect(&self, store: &Base) -> Result<(), StoreError> {
        let now = store.trouble();
        let before = std::mem::replace(&mut *self.before.lock(), now);
        let mut stale = self.stale.lock();
        if before != now && now.is_some() {
            *stale = 8;
        }
        if now.is_some_and(|trouble| trouble != Trouble::Restart) || *stale == 0 {
            return Ok(());
        }
        *stale -= 1;
        Err(StoreError::Unavailable("the connection was closed".into()))
    }
}
