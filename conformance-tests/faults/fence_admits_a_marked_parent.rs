//! A session is restored from a remember token that was revoked: the parent is there, and its mark is
//! ignored.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[(S11, "fence::a_marked_parent_fences"), (S11, "login::an_ended_parent_restores_nothing")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let marked = match fence {
        Fence::Parent(parent) => store.find(parent).await?.is_some(),
        _ => false,
    };
    store.insert(record, if marked { Fence::None } else { fence }).await
}
