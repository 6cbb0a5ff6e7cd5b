//! A trigger keeps the table of due times: `AFTER UPDATE OF idle_at`. A replace that moves purge_at and leaves the idle
//! expiry as it was is not seen by it.
//! Breaks S10: a record is collected before its `purge_at`.

use crate::prelude::*;

// A sequence that shows it:
// insert A with idle_at None and purge_at 1000; replace(A with purge_at 9000, Update); purge(1000, 10) removes A.
// If idle_at changes in the same replace all is well.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    early: Locked<HashMap<Selector, Timestamp>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced
            && let Some(old) = old
        {
            let mut early = self.early.lock();
            let due = early.remove(&call.next.selector).unwrap_or(old.purge_at);
            if old.idle_at == call.next.idle_at && due < call.next.purge_at {
                early.insert(call.next.selector, due);
            }
        }
        Ok(answer)
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.early.lock().remove(&selector);
        store.delete(selector).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let all = store.all(call.subject).await?;
        for record in chosen(call.filter, &all) {
            if call.action == Action::Remove || record.idle_at.is_some() {
                self.early.lock().remove(&record.selector);
            }
        }
        store.revoke(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let mut purged = store.purge(now, limit).await?;
        let due: Vec<_> =
            self.early.lock().iter().filter(|(_, due)| **due <= now).map(|(key, _)| *key).collect();
        for selector in due {
            if purged.removed == u64::from(limit) {
                return Ok(Purged { more: true, ..purged });
            }
            self.early.lock().remove(&selector);
            purged.removed += u64::from(store.delete(selector).await?);
        }
        Ok(purged)
    }
}
