//! A foreign key with `ON DELETE CASCADE` fences: deleting a remember token deletes the sessions restored
//! from it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::ending_a_parent_leaves_its_children")]);

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
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let children = self.children.lock().clone();
        for (child, _) in children.iter().filter(|(_, parent)| **parent == selector) {
            store.delete(*child).await?;
        }
        store.delete(selector).await
    }
}
