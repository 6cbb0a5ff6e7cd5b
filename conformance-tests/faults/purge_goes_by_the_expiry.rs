//! A purge removes by `expires_at`, not `purge_at`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::what_is_not_due_stays")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    for record in store.find_all(&store.seen()).await?.iter().filter(|record| record.expires_at <= now) {
        store.delete(record.selector).await?;
    }
    store.purge(now, limit).await
}
