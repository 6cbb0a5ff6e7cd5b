//! `epoch` writes the fresh epoch over the one that is there: two logins at once fence each other out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::a_missing_epoch_is_made_once")]);

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
        store.set_epoch(subject, EpochUpdate::Set { epoch: fresh, now, keep }).await?;
        Ok(fresh)
    }
}
