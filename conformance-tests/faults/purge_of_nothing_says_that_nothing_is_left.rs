//! A purge says "more" when it removed as many as it might, and never for a limit of 0.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::a_limit_of_zero_removes_nothing")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let purged = store.purge(now, limit).await?;
    Ok(Purged { more: purged.more && limit > 0, ..purged })
}
