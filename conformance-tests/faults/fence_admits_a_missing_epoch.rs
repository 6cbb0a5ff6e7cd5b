//! A subject without an epoch is let in: after the epoch was collected, a login of yesterday is as good as
//! one of today.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let Some(subject) = &record.subject else { return store.insert(record, fence).await };
    let Fence::Epoch(epoch) = fence else { return store.insert(record, fence).await };
    let (keep, now) = (Duration::from_secs(60), Timestamp::MIN);
    store.epoch(EpochCall { subject, fresh: epoch, keep, now }).await?;
    store.insert(record, fence).await
}
