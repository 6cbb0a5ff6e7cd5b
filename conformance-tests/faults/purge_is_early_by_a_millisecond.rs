//! A purge takes what is due a millisecond later.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::what_is_not_due_stays")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now.saturating_add(Duration::from_millis(1)), limit).await
}
