//! `limit(0)` means no limit, as in MongoDB.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::a_limit_of_zero_removes_nothing")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now, if limit == 0 { u32::MAX } else { limit }).await
}
