//! A purge counts the epochs that it has collected among the records.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::epochs_are_not_counted")]);

#[derive(Default)]
struct Wrong {
    times: Times,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.times.asked(call);
        store.epoch(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let Purged { removed, more } = store.purge(now, limit).await?;
        Ok(Purged { removed: removed + u64::from(self.times.collect(now)), more })
    }
}
