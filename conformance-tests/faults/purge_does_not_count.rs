//! A purge says that it removed as many as it was allowed to.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::exactly_what_is_due_goes")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        store.purge(now, limit).await.map(|purged| Purged { removed: limit.into(), ..purged })
    }
}
