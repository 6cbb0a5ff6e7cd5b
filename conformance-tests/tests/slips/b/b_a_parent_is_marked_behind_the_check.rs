//! MongoDB: the transaction that inserts writes to the parent only to see that it is there; whether it is
//! marked was read before the transaction.
//! Breaks S11: a session slips in under a parent that was marked in between.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

// insert(p); at once: insert(c, Parent(p)) and revoke(all, Mark) of p → both acknowledged, c is live.
async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let Fence::Parent(parent) = fence else { return store.insert(record, fence).await };
    if store.find(parent).await?.is_none_or(|parent| parent.revoked.is_some()) {
        return store.insert(record, fence).await;
    }
    pause().await;
    let fence = if store.find(parent).await?.is_some() { Fence::None } else { fence };
    store.insert(record, fence).await
}
