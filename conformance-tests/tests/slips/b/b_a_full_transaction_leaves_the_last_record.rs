//! DynamoDB: a transaction takes 100 items. The chunks are counted before the epoch's item takes a place
//! in the first one.
//! Breaks S8: of exactly 100 matching records (or 200 …) one survives a revocation that sets the epoch.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert 100 records → revoke(all, Remove, Set) → 99, and one is still found.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if matches!(update, EpochUpdate::Keep) {
            return store.revoke(subject, filter, action, update).await;
        }
        let matching = chosen(filter, &store.all(subject).await?).len();
        if matching == 0 || matching % 100 != 0 {
            return store.revoke(subject, filter, action, update).await;
        }
        let oldest = chosen(filter, &store.all(subject).await?).last().copied().cloned();
        let count = store.revoke(subject, filter, action, update).await?;
        match oldest {
            Some(record) if record.revoked.is_none() => {
                store.force(&record).await?;
                Ok(count - 1)
            }
            _ => Ok(count),
        }
    }
}
