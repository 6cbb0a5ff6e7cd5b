//! `INSERT … ON CONFLICT (subject) DO UPDATE SET epoch = EXCLUDED.epoch`: a log-out that meets an epoch forgets to
//! write how long the new one is to be kept.
//! Breaks S11: an epoch is kept until now + keep of the call that set it.

use crate::help::Times;
use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0); revoke(u, Set E, now 0, keep 10 h); purge at 2 h; insert under E: `Fenced` (E is gone),
// and so is any login that was under way with E.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    times: Times,
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
        let mut written = update;
        if let EpochUpdate::Set { now, keep, .. } = &mut written {
            match self.times.get(subject) {
                Some(_) => *keep = Duration::ZERO,
                None => self.times.keep(subject, *now, *keep),
            }
        }
        store.revoke(subject, filter, action, written).await
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
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.times.collect(now);
        store.purge(now, limit).await
    }
}
