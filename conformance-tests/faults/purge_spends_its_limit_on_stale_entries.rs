//! Deleted records stay in the index of due times: a purge that meets as many as its limit removes nothing,
//! and says that nothing is left.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::what_is_gone_already_uses_up_no_limit")]);

#[derive(Default)]
struct Wrong {
    stale: Locked<u32>,
}

impl Twist for Wrong {
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let there = store.delete(selector).await?;
        *self.stale.lock() += u32::from(there);
        Ok(there)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let spent = limit.min(*self.stale.lock());
        *self.stale.lock() -= spent;
        let purged = store.purge(now, limit - spent).await?;
        Ok(Purged { more: purged.removed > 0 && purged.more, ..purged })
    }
}
