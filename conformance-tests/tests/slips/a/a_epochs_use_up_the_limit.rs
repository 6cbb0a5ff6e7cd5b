//! One budget for a purge: the epochs whose time is over are deleted first, and `limit − epochs` is left for records; an
//! empty rest counts as "nothing was due".
//! Breaks S10: epochs are not counted, and "no more" is said while a record is due.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 s, now 0); insert A with purge_at 1000; purge(1000, 1): removed 0, more false, and A is there. A
// second purge takes A.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    times: Times,
}

impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let epochs = self.times.collect(now);
        if epochs >= limit && limit > 0 {
            return Ok(Purged { more: false, ..store.purge(now, 0).await? });
        }
        store.purge(now, limit - epochs.min(limit)).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        self.times.revoked(call);
        store.revoke(call).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.times.asked(call);
        store.epoch(call).await
    }
}
