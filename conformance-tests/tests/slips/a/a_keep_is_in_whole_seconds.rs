//! The time of an epoch is a MySQL DATETIME without fraction, and the adapter cuts the milliseconds before it binds.
//! Breaks S11 (and S10): an epoch is collected late or at once, never early.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1.999 s, now 0) = E; purge at 1.5 s; insert under E: `Fenced`, up to a second too early.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

fn cut(now: Timestamp, keep: Duration) -> Duration {
    let until = now.saturating_add(keep).as_millis();
    Timestamp::from_millis(until - until % 1_000).since(now)
}

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let mut cut_off = update;
        if let EpochUpdate::Set { now, keep, .. } = &mut cut_off {
            *keep = cut(*now, *keep);
        }
        store.revoke(subject, filter, action, cut_off).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        store.epoch(subject, fresh, cut(now, keep), now).await
    }
}
