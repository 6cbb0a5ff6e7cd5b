//! Eight partitions, and a purge visits one of them: it may remove nothing though another has something due, and then
//! says "maybe more" (S10: repeating collects everything).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    visits: Locked<u8>,
    line: tokio::sync::RwLock<()>,
}

impl Twist for Strange {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let _writes = self.line.read().await;
        store.replace(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _writes = self.line.read().await;
        store.revoke(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _alone = self.line.write().await;
        let visited = {
            let mut visits = self.visits.lock();
            *visits = (*visits + 1) % 8;
            *visits
        };
        let mut due = store.due(now).await?;
        due.retain(|record| record.selector.0[15] % 8 == visited);
        let mut removed = 0;
        for record in due.iter().take(limit as usize) {
            removed += u64::from(store.delete(record.selector).await?);
        }
        store.purge(now, 0).await.map(|rest| Purged { removed, more: rest.more })
    }
}
