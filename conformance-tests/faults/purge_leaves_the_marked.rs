//! `… AND revoked IS NULL`: what was logged out or spent is never collected, and the purge says that nothing
//! is left.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::what_was_ended_goes_at_its_absolute_expiry")]);

#[derive(Default)]
struct Wrong {
    seen: Locked<BTreeSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.seen.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let seen: Vec<_> = self.seen.lock().iter().copied().collect();
        let mut marked = store.find_all(&seen).await?;
        marked.retain(|record| record.revoked.is_some() && record.purge_at <= now);
        let purged = store.purge(now, limit).await?;
        let mut removed = purged.removed;
        for record in marked {
            if store.find(record.selector).await?.is_none() {
                store.force(&record).await?;
                removed -= 1;
            }
        }
        Ok(Purged { removed, more: false })
    }
}
