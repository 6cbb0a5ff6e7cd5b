//! A session is restored though its remember token is gone.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[
        (S11, "fence::a_live_parent_admits_and_a_missing_one_fences"),
        (S15, "namespace::a_parent_in_another_namespace_is_no_parent"),
    ],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let fence = if let Fence::Parent(_) = fence { Fence::None } else { fence };
    store.insert(record, fence).await
}
