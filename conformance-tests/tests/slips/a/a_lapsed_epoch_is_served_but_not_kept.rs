//! The read of an epoch prolongs it with `UPDATE … SET keep_until = $1 WHERE subject = $2 AND keep_until > $now`. One
//! whose time is over, and that no purge has collected yet, is answered and not prolonged.
//! Breaks S11: what `epoch` answers is kept until now + keep.

use super::help::Times;
use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0) = E; epoch(u, keep 1 h, now 2 h) = E; purge at 2 h + 1 ms; insert under E: `Fenced`.
// With a purge before the second call a fresh one is made, and all is well.
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
        if self.times.get(subject).is_some_and(|(until, _)| until <= now) {
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
