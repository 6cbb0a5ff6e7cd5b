//! What was purged leaves a stale entry in the index of due times: the record that takes its selector next is
//! purged too.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S10, "expiry::a_purged_selector_can_be_taken_again")]);

#[derive(Default)]
struct Wrong {
    due: Locked<BTreeMap<Selector, Timestamp>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.due.lock().entry(record.selector).or_insert(record.purge_at);
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let over: Vec<_> =
            self.due.lock().iter().filter(|(_, due)| **due <= now).map(|(selector, _)| *selector).collect();
        let Purged { mut removed, more } = store.purge(now, limit).await?;
        for selector in over {
            removed += u64::from(store.delete(selector).await?);
        }
        Ok(Purged { removed, more })
    }
}
