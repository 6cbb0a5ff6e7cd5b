//! Each node remembers selectors that it did not find, against scanners; its own inserts clear the entry, another node's
//! do not.
//! Breaks S6: an acknowledged insert is seen on every node.

use crate::prelude::*;

// A sequence that shows it:
// find(A) on node 2: None; insert A on node 1; find(A) on node 2: still None. Touches every node that core asked before.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    missing: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        self.missing.lock().remove(&record.selector);
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if self.missing.lock().contains(&selector) {
            return Ok(None);
        }
        let found = store.find(selector).await?;
        if found.is_none() {
            self.missing.lock().insert(selector);
        }
        Ok(found)
    }
}
