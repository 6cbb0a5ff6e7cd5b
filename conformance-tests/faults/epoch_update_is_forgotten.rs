//! A revocation does not update the epoch: a login that checked the old password slips in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_revoke(revoke),
    &[
        (S11, "fence::an_epoch_update_turns_away_the_logins_under_way"),
        (S11, "subject::a_subject_without_records_is_no_error"),
    ],
);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await
}
