//! A revocation passes over the newest record: `<` where `<=` was meant. The login of the thief is the
//! newest.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S8, "subject::removing_takes_all_of_the_subject_and_no_other"),
    (D12, "login::an_ending_completes_though_its_caller_is_gone"),
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
        store.set_epoch(subject, update).await?;
        let mut count = 0;
        for record in chosen(filter, store.all(subject).await?.iter().skip(1)) {
            count += u64::from(store.end(record, action).await?);
        }
        Ok(count)
    }
}
