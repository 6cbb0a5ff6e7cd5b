//! The count of a revocation includes what was marked already: the count of matched rows, not of changed
//! ones.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::repeating_finds_nothing_left_to_do")]);

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
        let meant = chosen(filter, &store.all(subject).await?).len() as u64;
        store.revoke(subject, filter, action, update).await?;
        Ok(meant)
    }
}
