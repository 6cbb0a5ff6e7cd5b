//! Epochs whose time is over go a day late, and serve until then (S10: late or at once).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

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
        store.epoch(subject, fresh, keep.saturating_add(DAY), now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let update = match update {
            EpochUpdate::Set { epoch, now, keep } => {
                EpochUpdate::Set { epoch, now, keep: keep.saturating_add(DAY) }
            }
            EpochUpdate::Keep => EpochUpdate::Keep,
        };
        store.revoke(subject, filter, action, update).await
    }
}

const DAY: Duration = Duration::from_secs(86_400);
