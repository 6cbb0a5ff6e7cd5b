//! `ON DELETE CASCADE`: a purge takes with a remember token the sessions that were restored from it, and they
//! are not due.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S11, "fence::collecting_a_parent_leaves_its_children_until_they_are_due")]);

#[derive(Default)]
struct Wrong {
    children: Locked<HashMap<Selector, Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if let (true, Fence::Parent(parent)) = (answer.is_inserted(), fence) {
            self.children.lock().insert(record.selector, parent);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        let children = self.children.lock().clone();
        for (child, parent) in children {
            if store.find(parent).await?.is_none() {
                store.delete(child).await?;
            }
        }
        Ok(purged)
    }
}
