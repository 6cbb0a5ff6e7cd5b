//! A purge counts the epochs that it has collected among the records.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::epochs_are_not_counted")]);

#[derive(Default)]
struct Wrong {
    ends: Locked<Vec<Timestamp>>,
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
        self.ends.lock().push(now.saturating_add(keep));
        store.epoch(subject, fresh, keep, now).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let Purged { removed, more } = store.purge(now, limit).await?;
        let mut ends = self.ends.lock();
        let before = ends.len();
        ends.retain(|end| now < *end);
        Ok(Purged { removed: removed + (before - ends.len()) as u64, more })
    }
}
