//! An epoch is kept half as long again as was asked for, and a read leaves its time alone while half of `keep` is left
//! of that longer time (S11).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    line: tokio::sync::Mutex<()>,
    times: Times,
}

impl Twist for Strange {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let _line = self.line.lock().await;
        let enough = |until: Timestamp| until > call.now && until.since(call.now) >= call.keep / 2;
        if self.times.get(call.subject).is_some_and(|(until, _)| enough(until)) {
            return store.epoch(EpochCall { keep: Duration::ZERO, ..call }).await;
        }
        let longer = EpochCall { keep: longer(call.keep), ..call };
        self.times.asked(longer);
        store.epoch(longer).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _line = self.line.lock().await;
        let longer = RevokeCall { update: kept_for(call.update, |_, keep| longer(keep)), ..call };
        self.times.revoked(longer);
        store.revoke(longer).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _line = self.line.lock().await;
        self.times.collect(now);
        store.purge(now, limit).await
    }
}

fn longer(keep: Duration) -> Duration {
    keep.saturating_add(keep / 2)
}
