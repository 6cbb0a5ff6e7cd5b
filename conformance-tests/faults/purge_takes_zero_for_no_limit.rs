//! `limit(0)` means no limit, as in MongoDB.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::a_limit_of_zero_removes_nothing")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        store.purge(now, if limit == 0 { u32::MAX } else { limit }).await
    }
}
