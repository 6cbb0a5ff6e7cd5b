//! A revocation ends what is there, then updates the epoch: a login that comes in between survives.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S11, "interleaved::no_login_slips_in_behind_an_epoch_update"),
    (S11, "stream::no_login_slips_in_through_a_log_out_everywhere"),
]);

#[derive(Default)]
struct Wrong;

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
        let count = store.revoke(subject, filter, action, EpochUpdate::Keep).await?;
        pause().await;
        store.set_epoch(subject, update).await?;
        Ok(count)
    }
}
