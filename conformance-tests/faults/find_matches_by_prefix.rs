//! `find` looks for a key that begins like the one asked for.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S3, "find::near_misses_never_match")]);

#[derive(Default)]
struct Wrong {
    keys: Locked<BTreeSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.keys.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let near = self.keys.lock().iter().copied().find(|key| key.0[..12] == selector.0[..12]);
        store.find(near.unwrap_or(selector)).await
    }
}
