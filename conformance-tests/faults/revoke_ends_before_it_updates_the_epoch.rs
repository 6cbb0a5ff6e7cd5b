//! A revocation ends what is there, then updates the epoch: a login that comes in between survives.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_revoke(revoke),
    &[
        (S11, "interleaved::no_login_slips_in_behind_an_epoch_update"),
        (S11, "stream::no_login_slips_in_through_a_log_out_everywhere"),
    ],
);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let count = store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await?;
    pause().await;
    store.set_epoch(call.subject, call.update).await?;
    Ok(count)
}
