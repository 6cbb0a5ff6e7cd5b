//! A revocation that updates the epoch forgets to end what is there.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S8, "login::a_log_out_everywhere_turns_away_the_login_under_way"),
    (D9, "decision::a_replay_ends_the_subject_where_the_policy_says_so"),
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
        match update {
            EpochUpdate::Keep => store.revoke(subject, filter, action, update).await,
            EpochUpdate::Set { .. } => {
                let count = chosen(filter, &store.all(subject).await?).len();
                store.set_epoch(subject, update).await?;
                Ok(count as u64)
            }
        }
    }
}
