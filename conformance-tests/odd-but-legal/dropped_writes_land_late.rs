//! Every write is done on the server to its end, some milliseconds later, though its caller has gone (S13: be it after
//! the drop).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let (store, record) = (store.clone(), record.clone());
        apart(async move {
            late().await;
            store.insert(&record, fence).await
        })
        .await
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let (store, next, touch) = (store.clone(), next.clone(), change == Change::Touch);
        apart(async move {
            late().await;
            store.replace(&next, expected, if touch { Change::Touch } else { Change::Update }).await
        })
        .await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let store = store.clone();
        apart(async move {
            late().await;
            store.delete(selector).await
        })
        .await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let (store, subject, filter) = (store.clone(), subject.clone(), filter.clone());
        apart(async move {
            late().await;
            store.revoke(&subject, &filter, action, update).await
        })
        .await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let (store, subject) = (store.clone(), subject.clone());
        apart(async move {
            late().await;
            store.epoch(&subject, fresh, keep, now).await
        })
        .await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let store = store.clone();
        apart(async move {
            late().await;
            store.purge(now, limit).await
        })
        .await
    }
}

async fn late() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}
