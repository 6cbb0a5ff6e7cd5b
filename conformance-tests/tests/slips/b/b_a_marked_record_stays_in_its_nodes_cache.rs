//! A cache in front of the database: "a marked record never changes again", so each node keeps what it has
//! found marked, and forgets it only by a removal of its own.
//! Breaks S6: a node still finds a record that another has deleted.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// node A: insert(r), revoke(all, Mark), find(r) → marked; node B: delete(r) → true; A: find(r) → Some.
#[derive(Default)]
struct Wrong {
    marked: Locked<HashMap<Selector, Record>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let cached = self.marked.lock().get(&selector).cloned();
        if cached.is_some() {
            // Asks all the same whether the server is there.
            store.find(selector).await?;
            return Ok(cached);
        }
        let found = store.find(selector).await?;
        if let Some(record) = found.as_ref().filter(|record| record.revoked.is_some()) {
            self.marked.lock().insert(selector, record.clone());
        }
        Ok(found)
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.marked.lock().remove(&record.selector);
        store.insert(record, fence).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.marked.lock().remove(&selector);
        store.delete(selector).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let count = store.revoke(call).await?;
        self.marked.lock().clear();
        Ok(count)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        self.marked.lock().clear();
        Ok(purged)
    }
}
