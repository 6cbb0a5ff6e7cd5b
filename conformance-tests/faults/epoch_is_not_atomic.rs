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
        if !self.made.lock().contains(subject) {
            pause().await;
            store.set_epoch(subject, EpochUpdate::Set { epoch: fresh, now, keep }).await?;
            self.made.lock().insert(subject.clone());
            return Ok(fresh);
        }
        store.epoch(subject, fresh, keep, now).await
    }
}
