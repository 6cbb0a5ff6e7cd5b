//! A deleted selector stays taken permanently.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S2, "delete::a_freed_selector_can_be_taken_again")]);

#[derive(Default)]
struct Wrong {
    graves: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if self.graves.lock().contains(&record.selector) {
            return Ok(Insert::Duplicate);
        }
        store.insert(record, fence).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let there = store.delete(selector).await?;
        if there {
            self.graves.lock().insert(selector);
        }
        Ok(there)
    }
}
