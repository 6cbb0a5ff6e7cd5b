//! Epochs are kept outside the namespace: a log-out-everywhere in staging fences the logins of production.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S15, "namespace::each_namespace_has_epochs_of_its_own")]);

#[derive(Default)]
struct Wrong {
    epochs: Base,
}

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
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let _ = store;
        self.epochs.epoch(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        self.epochs.set_epoch(call.subject, call.update).await?;
        store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await
    }
}
