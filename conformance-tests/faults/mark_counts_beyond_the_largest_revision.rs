//! A mark adds one to the largest revision, and the number turns into the first one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S8, "replace::the_largest_revision_is_the_last"),
    (S8, "random::every_answer_of_long_sequences_is_allowed"),
]);

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
        let before = store.all(subject).await?;
        let count = store.revoke(subject, filter, action, update).await?;
        for mut record in store.all(subject).await? {
            let was = before.iter().find(|old| old.selector == record.selector);
            if was.is_some_and(|old| old.revision == Revision::MAX && old.revoked.is_none())
                && record.revoked.is_some()
            {
                record.revision = Revision::FIRST;
                store.force(&record).await?;
            }
        }
        Ok(count)
    }
}
