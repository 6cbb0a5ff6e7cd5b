//! An epoch is kept half as long again as was asked for, and a read leaves its time alone while half of `keep` is left
//! of that longer time (S11).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    until: tokio::sync::Mutex<HashMap<Subject, Timestamp>>,
}

#[async_trait]
impl Twist for Strange {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let mut until = self.until.lock().await;
        if until.get(subject).is_some_and(|until| *until > now && until.since(now) >= keep / 2) {
            return store.epoch(subject, fresh, Duration::ZERO, now).await;
        }
        let kept = until.entry(subject.clone()).or_insert(Timestamp::MIN);
        *kept = now.saturating_add(longer(keep)).max(*kept);
        store.epoch(subject, fresh, longer(keep), now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let mut until = self.until.lock().await;
        let update = match update {
            EpochUpdate::Keep => EpochUpdate::Keep,
            EpochUpdate::Set { epoch, now, keep } => {
                let kept = until.entry(subject.clone()).or_insert(Timestamp::MIN);
                *kept = now.saturating_add(longer(keep)).max(*kept);
                EpochUpdate::Set { epoch, now, keep: longer(keep) }
            }
        };
        store.revoke(subject, filter, action, update).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut until = self.until.lock().await;
        until.retain(|_, until| now < *until);
        store.purge(now, limit).await
    }
}

fn longer(keep: Duration) -> Duration {
    keep.saturating_add(keep / 2)
}
