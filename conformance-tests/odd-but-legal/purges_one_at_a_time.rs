//! A purge removes one record, to end in time, and says "maybe more" (S10: it may stop early).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_purge(purge));

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let purged = store.purge(now, limit.min(1)).await?;
    Ok(Purged { more: purged.more || purged.removed > 0, ..purged })
}
