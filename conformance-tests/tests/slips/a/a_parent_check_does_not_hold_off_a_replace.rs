//! The insert under a parent takes the advisory lock that revocations and deletes take, and then reads the parent
//! without a row lock: a replace that marks the parent comes between.
//! Breaks S11: a parent that is marked fences, and the check and the insert are one step.

use crate::prelude::*;

// A sequence that shows it:
// insert P; at once: insert A under P; and in turn replace(P, marked Superseded, End): `Replaced`, find(A) or list(u)
// without A. Then the insert answers `Inserted`: a session restored behind a renewal.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    gate: tokio::sync::RwLock<()>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if !matches!(fence, Fence::Parent(_)) {
            return store.insert(record, fence).await;
        }
        let _held = self.gate.read().await;
        if store.find(record.selector).await?.is_some() {
            return Ok(Insert::Duplicate);
        }
        if !store.admits(record, fence).await? {
            return Ok(Insert::Fenced);
        }
        pause().await;
        store.insert(record, Fence::None).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let _held = self.gate.write().await;
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
        let _held = self.gate.write().await;
        store.revoke(subject, filter, action, update).await
    }
}
