//! A revocation that keeps the epoch ends in one step what it has seen a moment before: a record that is inserted in
//! between, and that no fence turns away, stays (S8).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    /// Held for writing while the records end.
    gate: tokio::sync::RwLock<()>,
    /// The records that were inserted under a parent: each is ended with it.
    children: Locked<HashSet<Selector>>,
}

impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let _held = self.gate.read().await;
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() && matches!(fence, Fence::Parent(_)) {
            self.children.lock().insert(record.selector);
        }
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let _held = self.gate.read().await;
        store.find(selector).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let _held = self.gate.read().await;
        store.list(subject, page).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let _held = self.gate.read().await;
        store.replace(call).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let _held = self.gate.read().await;
        store.delete(selector).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _held = self.gate.read().await;
        store.purge(now, limit).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let seen: HashSet<_> = store.meant(call).await?.iter().map(|record| record.selector).collect();
        pause().await;
        let _alone = self.gate.write().await;
        let mut new = store.meant(call).await?;
        let is_new = |record: &Record| !seen.contains(&record.selector);
        new.retain(|record| is_new(record) && !self.children.lock().contains(&record.selector));
        let misses = call.update == EpochUpdate::Keep;
        store.revoke_but(if misses { &new } else { &[] }, call).await
    }
}
