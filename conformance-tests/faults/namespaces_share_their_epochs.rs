//! Epochs are kept outside the namespace: a log-out-everywhere in staging fences the logins of production.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S15, "namespace::each_namespace_has_epochs_of_its_own")]);

#[derive(Default)]
struct Wrong {
    epochs: Base,
}

#[async_trait]
impl Twist for Wrong {
    fn remembers(namespace: &str) -> &str {
        root_of(namespace)
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Epoch(_) = fence else { return store.insert(record, fence).await };
        if !self.epochs.admits(record, fence).await? {
            return Ok(Insert::Fenced);
        }
        store.insert(record, Fence::None).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let _ = store;
        self.epochs.epoch(subject, fresh, keep, now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.epochs.set_epoch(subject, update).await?;
        store.revoke(subject, filter, action, EpochUpdate::Keep).await
    }
}
