//! There is one epoch for the whole store: when one user logs out everywhere, every login under way is
//! refused.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::one_subjects_epoch_is_not_anothers")]);

#[derive(Default)]
struct Wrong {
    all: Locked<Option<Epoch>>,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let shared = *self.all.lock().get_or_insert(call.fresh);
        store.epoch(EpochCall { fresh: shared, ..call }).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { epoch, .. } = call.update {
            *self.all.lock() = Some(epoch);
        }
        store.revoke(call).await
    }
}
