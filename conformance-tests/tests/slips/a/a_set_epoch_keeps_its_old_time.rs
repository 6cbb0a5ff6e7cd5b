//! `INSERT … ON CONFLICT (subject) DO UPDATE SET epoch = EXCLUDED.epoch`: a log-out that meets an epoch forgets to
//! write how long the new one is to be kept.
//! Breaks S11: an epoch is kept until now + keep of the call that set it.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0); revoke(u, Set E, now 0, keep 10 h); purge at 2 h; insert under E: `Fenced` (E is gone),
// and so is any login that was under way with E.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    times: Times,
}

impl Twist for Wrong {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if self.times.get(call.subject).is_none() {
            self.times.revoked(call);
            return store.revoke(call).await;
        }
        store.revoke(RevokeCall { update: kept_for(call.update, |_, _| Duration::ZERO), ..call }).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.times.asked(call);
        store.epoch(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.times.collect(now);
        store.purge(now, limit).await
    }
}
