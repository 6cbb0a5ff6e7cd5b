//! The store decides that an expired parent is no parent. That is for core to say, by its own clock.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::an_expired_parent_is_still_a_parent")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && store.find(parent).await?.is_some_and(|parent| parent.expires_at <= record.created_at)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}
