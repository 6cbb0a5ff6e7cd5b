//! An epoch is collected after half of its time: a slow login is refused though nobody logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::an_epoch_is_kept_for_its_time")]);

#[derive(Default)]
struct Wrong;

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
        store.epoch(subject, fresh, keep / 2, now).await
    }
}
