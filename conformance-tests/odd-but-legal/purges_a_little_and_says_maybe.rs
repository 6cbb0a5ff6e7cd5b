//! A purge stops short of its limit, and says "maybe more" whenever it went that far (S10 forbids neither).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit.min(3)).await?;
        Ok(Purged { more: purged.removed == u64::from(limit.min(3)), ..purged })
    }
}
