//! A revocation that updates the epoch forgets to end what is there.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_revoke(revoke),
    &[
        (S8, "login::a_log_out_everywhere_turns_away_the_login_under_way"),
        (D9, "decision::a_replay_ends_the_subject_where_the_policy_says_so"),
    ],
);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if call.update == EpochUpdate::Keep {
        return store.revoke(call).await;
    }
    let count = chosen(call.filter, &store.all(call.subject).await?).len();
    store.set_epoch(call.subject, call.update).await?;
    Ok(count as u64)
}
