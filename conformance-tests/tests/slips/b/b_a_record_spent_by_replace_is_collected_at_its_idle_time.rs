//! The due index is written by insert, update and revocation; the replace that ends a record keeps the old
//! entry, which still says when it would have been idle.
//! Breaks S10: a record that was spent or superseded is collected before its `purge_at`.

use crate::help::purge_too;
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r, idle 10, purge_at 11, expires 100) → replace(r marked, purge_at 100, End) → purge(20)
// → removed 1, find → None.
#[derive(Default)]
struct Wrong {
    entries: Locked<HashMap<Selector, Timestamp>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let old = store.find(next.selector).await?;
        let answer = store.replace(next, expected, change).await?;
        if let (Some(old), Change::End(_), Replace::Replaced) = (old, change, answer) {
            self.entries.lock().insert(old.selector, old.purge_at);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut entries: Vec<_> = self.entries.lock().iter().map(|(selector, at)| (*selector, *at)).collect();
        entries.retain(|(_, at)| *at <= now);
        let early: Vec<_> = entries.into_iter().map(|(selector, _)| selector).collect();
        purge_too(store, now, limit, &early).await
    }
}
