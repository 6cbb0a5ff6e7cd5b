//! The due index is written by insert, update and revocation; the replace that ends a record keeps the old
//! entry, which still says when it would have been idle.
//! Breaks S10: a record that was spent or superseded is collected before its `purge_at`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r, idle 10, purge_at 11, expires 100) → replace(r marked, purge_at 100, End) → purge(20)
// → removed 1, find → None.
#[derive(Default)]
struct Wrong {
    entries: Locked<HashMap<Selector, Timestamp>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let answer = store.replace(call).await?;
        if let (Some(old), Change::End(_), Replace::Replaced) = (old, call.change, answer) {
            self.entries.lock().insert(old.selector, old.purge_at);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut entries = self.entries.lock().clone();
        entries.retain(|_, at| *at <= now);
        let mut purged = store.purge(now, limit).await?;
        for early in entries.into_keys() {
            if purged.removed < u64::from(limit) {
                purged.removed += u64::from(store.delete(early).await?);
            }
        }
        Ok(purged)
    }
}
