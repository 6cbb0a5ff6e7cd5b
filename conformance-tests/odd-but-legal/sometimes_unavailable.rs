//! Every seventh call finds no connection and says so, having done nothing (S12): unavailable, never lying.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.connect()?;
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.connect()?;
        store.find(selector).await
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.connect()?;
        store.replace(next, expected, change).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.connect()?;
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
        self.connect()?;
        store.revoke(subject, filter, action, update).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        self.connect()?;
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
        self.connect()?;
        store.epoch(subject, fresh, keep, now).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.connect()?;
        store.purge(now, limit).await
    }
}

impl Strange {
    fn connect(&self) -> Result<(), StoreError> {
        let mut calls = self.calls.lock();
        *calls += 1;
        if calls.is_multiple_of(7) {
            return Err(StoreError::Unavailable("no connection".into()));
        }
        Ok(())
    }
}
