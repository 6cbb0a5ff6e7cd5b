//! A mark removes the record: the rightful user is told "invalid" where it was a theft.

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
        let _ = action;
        store.revoke(subject, filter, Action::Remove, update).await
    }
}
