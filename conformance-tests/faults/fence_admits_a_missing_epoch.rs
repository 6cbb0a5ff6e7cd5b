//! A subject without an epoch is let in: after the epoch was collected, a login of yesterday is as good as
//! one of today.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::the_right_epoch_admits_and_any_other_fences")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Some(subject) = &record.subject else { return store.insert(record, fence).await };
        let Fence::Epoch(epoch) = fence else { return store.insert(record, fence).await };
        store.epoch(subject, epoch, Duration::from_secs(60), Timestamp::MIN).await?;
        store.insert(record, fence).await
    }
}
