//! A mark sets `updated_at` to its own time though a faster clock wrote last: a native time to live is longer
//! than meant.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::marking_does_what_the_record_says")]);

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
        if let Action::Mark { at, .. } = action {
            for mut record in chosen(filter, &store.all(subject).await?).into_iter().cloned() {
                record.updated_at = at;
                store.force(&record).await?;
            }
        }
        Ok(count)
    }
}
