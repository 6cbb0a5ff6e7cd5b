//! Every revocation updates the epoch: a logout on one device refuses the login under way on another.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S11, "fence::a_revocation_that_keeps_the_epoch_turns_no_login_away")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let (now, keep) = (Timestamp::MIN, Duration::from_secs(1 << 40));
    let always = match call.update {
        EpochUpdate::Keep => EpochUpdate::Set { epoch: Epoch([0xee; 16]), now, keep },
        to => to,
    };
    store.revoke(RevokeCall { update: always, ..call }).await
}
