//! DynamoDB: a Query answers at most 1 MB and a `LastEvaluatedKey`. The list follows it, the revocation
//! does not.
//! Breaks S8: of a subject with more than 1 MB of records the oldest survive.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert 70 records with bodies of 16 KiB → revoke(all, Mark) → some 63; the others are still live.
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
        let mut read = 0;
        let mut left = Vec::new();
        for record in store.all(subject).await? {
            read += 300 + record.body.as_bytes().len();
            if read > 1 << 20 && filter.matches(&record) {
                left.push(record);
            }
        }
        let mut count = store.revoke(subject, filter, action, update).await?;
        for record in left {
            count -= u64::from(record.revoked.is_none() || action == Action::Remove);
            store.force(&record).await?;
        }
        Ok(count)
    }
}
