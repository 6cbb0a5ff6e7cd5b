//! A purge always says that nothing more is due, so no caller comes back: doorkeeper#1462, a table of 100
//! million rows.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_purge(purge), &[(S10, "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now, limit).await.map(|purged| Purged { more: false, ..purged })
}
