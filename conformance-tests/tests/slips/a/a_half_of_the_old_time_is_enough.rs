//! To save writes a read of an epoch leaves its time alone while half of the time *that was written with it* is left,
//! not half of the time that this call asks for.
//! Breaks S11: kept until now + keep, unless half of that keep is left.

use super::help::Times;
use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0) = E; epoch(u, keep 24 h, now 0) = E, the time stays at 1 h (which is not half of 24 h);
// purge at 2 h; insert under E: `Fenced`.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    times: Times,
}

#[async_trait]
impl Twist for Wrong {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        if let Some((until, old)) = self.times.get(subject)
            && until.since(now) * 2 >= old
        {
            return store.epoch(subject, fresh, Duration::ZERO, Timestamp::MIN).await;
        }
        self.times.keep(subject, now, keep);
        store.epoch(subject, fresh, keep, now).await
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
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.times.collect(now);
        store.purge(now, limit).await
    }
}
