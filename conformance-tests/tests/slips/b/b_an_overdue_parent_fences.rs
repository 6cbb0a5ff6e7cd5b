//! DynamoDB: its time to live is lazy, so the transaction's condition on the parent is `ttl > :created_at`.
//! Breaks S11: `Fenced` is for a parent that is gone or marked; one that is expired and still there is
//! neither, for a store has no clock.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(p, purge_at 10) → insert(c, created_at 20, Parent(p)) → Fenced.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && store.find(parent).await?.is_some_and(|parent| parent.purge_at <= record.created_at)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}
