//! `… AND revoked IS NULL`: what was logged out or spent is never collected, and the purge says that nothing
//! is left.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_purge(purge), &[(S10, "expiry::what_was_ended_goes_at_its_absolute_expiry")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let mut marked = store.due(now).await?;
    marked.retain(|record| record.revoked.is_some());
    let purged = store.purge_but(&marked, now, limit).await?;
    Ok(Purged { more: false, ..purged })
}
