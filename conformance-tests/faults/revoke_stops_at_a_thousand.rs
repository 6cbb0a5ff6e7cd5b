//! A revocation ends one batch of 1,000 records and leaves the rest.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "subject::two_thousand_five_hundred_records_are_ended_and_counted")]);

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
        for record in chosen(filter, &store.all(subject).await?).into_iter().take(1_000) {
            count += u64::from(store.end(record, action).await?);
        }
        Ok(count)
    }
}
