//! An epoch that is asked for again in its last minute dies in that minute, and the login with it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::an_epoch_that_is_asked_for_lives_longer")]);

#[derive(Default)]
struct Wrong {
    asked: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        if self.asked.lock().insert(call.subject.clone()) {
            return store.epoch(call).await;
        }
        store.epoch(EpochCall { keep: Duration::ZERO, now: Timestamp::MIN, ..call }).await
    }
}
