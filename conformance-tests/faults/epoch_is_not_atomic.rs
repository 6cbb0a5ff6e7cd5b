//! `epoch` looks, then writes: two first readers are given different epochs, and one login is refused.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S11, "random::every_answer_is_allowed"),
    (S11, "race_subject::racing_readers_of_a_missing_epoch_agree"),
]);

#[derive(Default)]
struct Wrong {
    made: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        if !self.made.lock().contains(call.subject) {
            pause().await;
            store.set_epoch(call.subject, call.as_update()).await?;
            self.made.lock().insert(call.subject.clone());
            return Ok(call.fresh);
        }
        store.epoch(call).await
    }
}
