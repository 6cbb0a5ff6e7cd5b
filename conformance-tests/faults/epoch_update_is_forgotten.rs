//! A revocation does not update the epoch: a login that checked the old password slips in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S11, "fence::an_epoch_update_turns_away_the_logins_under_way"),
    (S11, "subject::a_subject_without_records_is_no_error"),
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
        let _ = update;
        store.revoke(subject, filter, action, EpochUpdate::Keep).await
    }
}
