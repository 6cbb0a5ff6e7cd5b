//! The parent is read `FOR NO KEY UPDATE` by a revocation and a replace, but the insert reads it without a lock, and
//! only those two and the insert take the advisory lock of the subject: a delete comes between check and insert.
//! Breaks S11: the check and the insert are one step, and no interleaving with `delete` lets a record slip in.

use crate::prelude::*;

// A sequence that shows it:
// insert P; at once: insert A under P; and in turn delete(P): true, find(A): None. Then the insert answers `Inserted`,
// and A is there: it came behind an acknowledged log-out.
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
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let _held = self.gate.write().await;
        store.replace(next, expected, change).await
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
