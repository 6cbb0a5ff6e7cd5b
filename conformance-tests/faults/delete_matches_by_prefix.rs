//! `delete` removes every record whose key begins like the one that it was given.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S7, "delete::deleting_one_record_leaves_its_neighbours")]);

#[derive(Default)]
struct Wrong {
    keys: Locked<HashSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.keys.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let near: Vec<_> =
            self.keys.lock().iter().copied().filter(|key| key.0[..15] == selector.0[..15]).collect();
        for key in near {
            if key != selector {
                store.delete(key).await?;
            }
        }
        store.delete(selector).await
    }
}
