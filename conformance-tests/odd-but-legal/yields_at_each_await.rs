//! Every call gives way several times before and after its work, as one over a network does.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        give_way().await;
        let answer = store.insert(record, fence).await;
        give_way().await;
        answer
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        give_way().await;
        let answer = store.find(selector).await;
        give_way().await;
        answer
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        give_way().await;
        let answer = store.replace(next, expected, change).await;
        give_way().await;
        answer
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        give_way().await;
        let answer = store.delete(selector).await;
        give_way().await;
        answer
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        give_way().await;
        let answer = store.revoke(subject, filter, action, update).await;
        give_way().await;
        answer
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        give_way().await;
        let answer = store.list(subject, page).await;
        give_way().await;
        answer
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        give_way().await;
        let answer = store.epoch(subject, fresh, keep, now).await;
        give_way().await;
        answer
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        give_way().await;
        let answer = store.purge(now, limit).await;
        give_way().await;
        answer
    }
}
