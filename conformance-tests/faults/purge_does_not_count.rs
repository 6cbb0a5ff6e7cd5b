//! A purge says that it removed as many as it was allowed to.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::exactly_what_is_due_goes")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now, limit).await.map(|purged| Purged { removed: limit.into(), ..purged })
}
