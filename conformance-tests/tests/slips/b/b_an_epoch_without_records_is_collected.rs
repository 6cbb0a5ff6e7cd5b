//! FoundationDB: the collector clears the subspace of every subject that has no record left, and the epoch
//! lies in it.
//! Breaks S10: epochs are collected late or at once, never early; the first login of a subject that runs
//! while the collector does is fenced.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// epoch(s, keep 1 h, now 0) → e → purge(now 1) → insert(r of s, Epoch(e)) → Fenced.
#[derive(Default)]
struct Wrong {
    kept: Locked<HashSet<Subject>>,
    gone: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let (Fence::Epoch(_), Some(subject)) = (fence, &record.subject)
            && self.gone.lock().contains(subject)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if call.update != EpochUpdate::Keep {
            self.gone.lock().remove(call.subject);
            self.kept.lock().insert(call.subject.clone());
        }
        store.revoke(call).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        if self.gone.lock().remove(call.subject) {
            store.set_epoch(call.subject, call.as_update()).await?;
        }
        self.kept.lock().insert(call.subject.clone());
        store.epoch(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let purged = store.purge(now, limit).await?;
        let kept: Vec<_> = self.kept.lock().iter().cloned().collect();
        for subject in kept {
            if limit > 0 && store.all(&subject).await?.is_empty() {
                self.kept.lock().remove(&subject);
                self.gone.lock().insert(subject);
            }
        }
        Ok(purged)
    }
}
