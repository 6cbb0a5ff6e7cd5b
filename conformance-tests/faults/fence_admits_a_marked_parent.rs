//! A session is restored from a remember token that was revoked: the parent is there, and nobody looked at
//! its mark.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S11, "fence::a_marked_parent_fences"),
    (S11, "login::an_ended_parent_restores_nothing"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let marked = match fence {
            Fence::Parent(parent) => store.find(parent).await?.is_some(),
            _ => false,
        };
        store.insert(record, if marked { Fence::None } else { fence }).await
    }
}
