//! Redis: a touch writes the hash and leaves the sorted set of due times alone. The collector looks again
//! at the hash, finds that the record is not due yet, and drops the entry of the set.
//! Breaks S10: such a record is never collected, and the answer says that no more is due.

use crate::help::purge_but;
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r, purge_at 10) → replace(purge_at 20, Touch) → purge(15) → nothing → purge(25) → removed 0,
// no more; r is still found.
#[derive(Default)]
struct Wrong {
    /// The entries of the sorted set that a touch left behind.
    entries: Locked<HashMap<Selector, Timestamp>>,
    dropped: Locked<HashSet<Selector>>,
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
        if answer == Replace::Replaced {
            if change == Change::Touch {
                let entry = old.map_or(next.purge_at, |old| old.purge_at);
                self.entries.lock().entry(next.selector).or_insert(entry);
            } else {
                self.entries.lock().remove(&next.selector);
                self.dropped.lock().remove(&next.selector);
            }
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let entries: Vec<_> = self.entries.lock().iter().map(|(selector, at)| (*selector, *at)).collect();
        for (selector, at) in entries {
            let record = store.find(selector).await?;
            if limit > 0 && at <= now && record.is_some_and(|record| record.purge_at > now) {
                self.dropped.lock().insert(selector);
            }
        }
        let dropped: Vec<_> = self.dropped.lock().iter().copied().collect();
        purge_but(store, now, limit, &dropped).await
    }
}
