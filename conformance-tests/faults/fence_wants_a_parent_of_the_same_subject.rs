//! The parent is looked up among the records of the child's subject: a parent of another subject of the shard
//! is missing.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S11, "fence::a_parent_may_be_anonymous_or_another_subjects")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let Fence::Parent(parent) = fence
            && store.find(parent).await?.is_some_and(|parent| parent.subject != record.subject)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
}
