//! The statement that inserts under a parent writes no due time: restored sessions are never collected.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S10, "fence::collecting_a_parent_leaves_its_children_until_they_are_due")]);

#[derive(Default)]
struct Wrong {
    kept: Locked<HashSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if matches!(fence, Fence::Parent(_)) && answer.is_inserted() {
            self.kept.lock().insert(record.selector);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let kept: Vec<_> = self.kept.lock().iter().copied().collect();
        let mut kept = store.find_all(&kept).await?;
        kept.retain(|record| record.purge_at <= now);
        let purged = store.purge(now, limit).await?;
        let mut removed = purged.removed;
        for record in kept {
            if store.find(record.selector).await?.is_none() {
                store.force(&record).await?;
                removed -= 1;
            }
        }
        Ok(Purged { removed, ..purged })
    }
}
