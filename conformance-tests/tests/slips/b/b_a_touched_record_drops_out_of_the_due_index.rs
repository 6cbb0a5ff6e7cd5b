//! Redis: a touch writes the hash and leaves the sorted set of due times alone. The collector looks again
//! at the hash, finds that the record is not due yet, and drops the entry of the set.
//! Breaks S10: such a record is never collected, and the answer says that no more is due.

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

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced {
            if call.change == Change::Touch {
                let entry = old.map_or(call.next.purge_at, |old| old.purge_at);
                self.entries.lock().entry(call.next.selector).or_insert(entry);
            } else {
                self.entries.lock().remove(&call.next.selector);
                self.dropped.lock().remove(&call.next.selector);
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
        let mut spared = store.due(now).await?;
        spared.retain(|record| self.dropped.lock().contains(&record.selector));
        store.purge_but(&spared, now, limit).await
    }
}
