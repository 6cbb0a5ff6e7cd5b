//! A purge stops short of its limit, and says "maybe more" whenever it went that far (S10 forbids neither).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_purge(purge));

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let purged = store.purge(now, limit.min(3)).await?;
    Ok(Purged { more: purged.removed == u64::from(limit.min(3)), ..purged })
}
