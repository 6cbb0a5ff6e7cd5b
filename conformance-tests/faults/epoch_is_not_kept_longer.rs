//! An epoch that is asked for again in its last minute dies in that minute, and the login with it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::an_epoch_that_is_asked_for_lives_longer")]);

#[derive(Default)]
struct Wrong {
    asked: Locked<HashSet<Subject>>,
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
        if self.asked.lock().insert(subject.clone()) {
            return store.epoch(subject, fresh, keep, now).await;
        }
        store.epoch(subject, fresh, Duration::ZERO, Timestamp::MIN).await
    }
}
