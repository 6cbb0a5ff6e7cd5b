//! A purge removes by `expires_at`, not `purge_at`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::what_is_not_due_stays")]);

#[derive(Default)]
struct Wrong {
    seen: Locked<BTreeMap<Selector, Record>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.seen.lock().insert(record.selector, record.clone());
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let over: Vec<_> =
            self.seen.lock().values().filter(|record| record.expires_at <= now).cloned().collect();
        for record in over {
            store.delete(record.selector).await?;
        }
        store.purge(now, limit).await
    }
}
