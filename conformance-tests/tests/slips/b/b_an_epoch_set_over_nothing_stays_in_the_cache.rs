//! A cache of epochs is cleared by what a revocation ended: the message to the nodes names the records, and
//! none is sent where there was none.
//! Breaks S6: the epoch that a revocation has set is not what the next login reads, and every insert under it
//! is fenced until something is ended.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// epoch(s) → e1 → revoke(s, all, Remove, Set e2) → 0 → epoch(s) → e1 → insert(Epoch(e1)) → Fenced.
#[derive(Default)]
struct Wrong {
    cached: Locked<HashMap<Subject, Epoch>>,
}

impl Twist for Wrong {
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let count = store.revoke(call).await?;
        if count > 0 {
            self.cached.lock().remove(call.subject);
        }
        Ok(count)
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let epoch = store.epoch(call).await?;
        Ok(*self.cached.lock().entry(call.subject.clone()).or_insert(epoch))
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        self.cached.lock().clear();
        Ok(purged)
    }
}
