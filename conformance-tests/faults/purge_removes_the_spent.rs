//! A purge removes what is spent or revoked "since nobody needs it": its token is unknown where it should be
//! a replay.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S10, "expiry::a_spent_record_stays_until_its_absolute_expiry"),
    (S10, "expiry::a_marked_record_stays_until_its_absolute_expiry"),
]);

#[derive(Default)]
struct Wrong {
    seen: Locked<BTreeSet<Selector>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.seen.lock().insert(record.selector);
        store.insert(record, fence).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let seen = self.seen.lock().clone();
        for selector in seen {
            if store.find(selector).await?.is_some_and(|record| record.revoked.is_some()) {
                store.delete(selector).await?;
            }
        }
        store.purge(now, limit).await
    }
}
