//! Eight partitions, and a purge visits one of them: it may remove nothing though another has something due, and then
//! says "maybe more" (S10: repeating collects everything).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    visits: Locked<u8>,
    seen: Locked<BTreeSet<Selector>>,
    line: tokio::sync::RwLock<()>,
}

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        self.seen.lock().insert(record.selector);
        Ok(answer)
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let _writes = self.line.read().await;
        store.replace(next, expected, change).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let _writes = self.line.read().await;
        store.revoke(subject, filter, action, update).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _alone = self.line.write().await;
        let visited = {
            let mut visits = self.visits.lock();
            *visits = (*visits + 1) % 8;
            *visits
        };
        let here: Vec<_> =
            self.seen.lock().iter().filter(|selector| selector.0[15] % 8 == visited).copied().collect();
        let (mut removed, most) = (0, u64::from(limit));
        for record in store.find_all(&here).await? {
            if removed < most && record.purge_at <= now {
                removed += u64::from(store.delete(record.selector).await?);
            }
        }
        store.purge(now, 0).await.map(|rest| Purged { removed, more: rest.more })
    }
}
