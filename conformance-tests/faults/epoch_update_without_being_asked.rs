//! Every revocation updates the epoch: a logout on one device refuses the login under way on another.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S11, "fence::a_revocation_that_keeps_the_epoch_turns_no_login_away")]);

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
        let (now, keep) = (Timestamp::MIN, Duration::from_secs(1 << 40));
        let always = match update {
            EpochUpdate::Keep => EpochUpdate::Set { epoch: Epoch([0xee; 16]), now, keep },
            to => to,
        };
        store.revoke(subject, filter, action, always).await
    }
}
