//! The statement that inserts under a parent writes no due time: restored sessions are never collected.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S10, "fence::collecting_a_parent_leaves_its_children_until_they_are_due")]);

#[derive(Default)]
struct Wrong {
    kept: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if matches!(fence, Fence::Parent(_)) && answer.is_inserted() {
            self.kept.lock().insert(record.selector);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut due = store.due(now).await?;
        due.retain(|record| self.kept.lock().contains(&record.selector));
        store.purge_but(&due, now, limit).await
    }
}
