//! Selectors are compared as text under a collation that ignores case.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S3, "find::selectors_of_odd_bytes_are_kept_apart")]);

#[derive(Default)]
struct Wrong {
    keys: Locked<HashMap<[u8; 16], Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.keys.lock().insert(record.selector.0.map(|byte| byte.to_ascii_lowercase()), record.selector);
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let key = self.keys.lock().get(&selector.0.map(|byte| byte.to_ascii_lowercase())).copied();
        store.find(key.unwrap_or(selector)).await
    }
}
