//! A revocation changes the epoch of a subject and leaves the time until which the old one was kept.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::no_call_shortens_the_time_of_an_epoch")]);

#[derive(Default)]
struct Wrong {
    known: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        self.known.lock().insert(call.subject.clone());
        store.epoch(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let known = self.known.lock().contains(call.subject);
        let update = match call.update {
            EpochUpdate::Set { epoch, .. } if known => {
                EpochUpdate::Set { epoch, now: Timestamp::MIN, keep: Duration::ZERO }
            }
            other => other,
        };
        store.revoke(RevokeCall { update, ..call }).await
    }
}
