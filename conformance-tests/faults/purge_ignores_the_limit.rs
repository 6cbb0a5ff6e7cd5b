//! A purge removes everything that is due in one statement: the table is locked for minutes.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_purge(purge), &[(S10, "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let _ = limit;
    store.purge(now, u32::MAX).await
}
