//! Cassandra: a revocation that removes writes a tombstone over the partition with the coordinator's clock,
//! a new row has the client's, and the tombstone wins.
//! Breaks S1: a record that is inserted again after its selector was revoked is acknowledged and not there.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r) → revoke(all, Remove) → 1 → insert(r) → Inserted → find → None.
#[derive(Default)]
struct Wrong {
    buried: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() && self.buried.lock().contains(&record.selector) {
            store.delete(record.selector).await?;
        }
        Ok(answer)
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let records = store.all(call.subject).await?;
        let count = store.revoke(call).await?;
        if call.action == Action::Remove {
            self.buried.lock().extend(chosen(call.filter, &records).iter().map(|record| record.selector));
        }
        Ok(count)
    }
}
