//! A purge that meets a row it cannot lock gives up, says "maybe more", and meets the same row the next time.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::exactly_what_is_due_goes")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let _ = limit;
    store.purge(now, 0).await
}
