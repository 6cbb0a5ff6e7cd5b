//! There is one epoch for the whole store: when one user logs out everywhere, every login under way is
//! refused.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::one_subjects_epoch_is_not_anothers")]);

#[derive(Default)]
struct Wrong {
    all: Locked<Option<Epoch>>,
}

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
        let shared = *self.all.lock().get_or_insert(fresh);
        store.epoch(subject, shared, keep, now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { epoch, .. } = update {
            *self.all.lock() = Some(epoch);
        }
        store.revoke(subject, filter, action, update).await
    }
}
