//! A revocation changes the epoch of a subject and leaves the time until which the old one was kept.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::no_call_shortens_the_time_of_an_epoch")]);

#[derive(Default)]
struct Wrong {
    known: Locked<HashSet<Subject>>,
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
        self.known.lock().insert(subject.clone());
        store.epoch(subject, fresh, keep, now).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let known = self.known.lock().contains(subject);
        let update = match update {
            EpochUpdate::Set { epoch, .. } if known => {
                EpochUpdate::Set { epoch, now: Timestamp::MIN, keep: Duration::ZERO }
            }
            other => other,
        };
        store.revoke(subject, filter, action, update).await
    }
}
