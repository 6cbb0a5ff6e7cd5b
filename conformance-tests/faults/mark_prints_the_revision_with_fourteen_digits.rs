//! Lua prints numbers with 14 digits: a mark leaves a record of a high revision at another.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "replace::high_revisions_are_counted_exactly")]);

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
        let count = store.revoke(subject, filter, action, update).await?;
        for mut record in store.all(subject).await? {
            let number = record.revision.get();
            if record.revoked.is_some() && number > 99_999_999_999_999 {
                record.revision = Revision::new(number / 100 * 100).unwrap_or(record.revision);
                store.force(&record).await?;
            }
        }
        Ok(count)
    }
}
