//! A purge that meets a row it cannot lock gives up, says "maybe more", and meets the same row the next time.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::exactly_what_is_due_goes")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _ = limit;
        store.purge(now, 0).await
    }
}
