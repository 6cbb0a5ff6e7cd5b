//! A purge takes what became due last, and what became due first at the end (S10 names no order).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    /// Held while a call moves or needs a `purge_at`.
    line: tokio::sync::Mutex<()>,
}

impl Twist for Strange {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let _line = self.line.lock().await;
        store.replace(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _line = self.line.lock().await;
        store.revoke(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _line = self.line.lock().await;
        let mut due = store.due(now).await?;
        due.sort_unstable_by_key(|record| std::cmp::Reverse((record.purge_at, record.selector)));
        let mut removed = 0;
        for record in due.iter().take(limit as usize) {
            removed += u64::from(store.delete(record.selector).await?);
        }
        store.purge(now, 0).await.map(|rest| Purged { removed, more: rest.more })
    }
}
