//! One budget for a purge: the epochs whose time is over are deleted first, and `limit − epochs` is left for records; an
//! empty rest counts as "nothing was due".
//! Breaks S10: epochs are not counted, and "no more" is said while a record is due.

use crate::help::Times;
use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 s, now 0); insert A with purge_at 1000; purge(1000, 1): removed 0, more false, and A is there. A
// second purge takes A.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    times: Times,
}

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let epochs = self.times.collect(now);
        if epochs >= limit && limit > 0 {
            return Ok(Purged { more: false, ..store.purge(now, 0).await? });
        }
        store.purge(now, limit - epochs.min(limit)).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { now, keep, .. } = update {
            self.times.keep(subject, now, keep);
        }
        store.revoke(subject, filter, action, update).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        self.times.keep(subject, now, keep);
        store.epoch(subject, fresh, keep, now).await
    }
}
