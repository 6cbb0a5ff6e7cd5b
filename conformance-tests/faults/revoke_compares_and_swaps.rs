//! A revocation reads, then marks what has not changed meanwhile: a replace that comes in between saves its
//! record.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "race_subject::no_flood_of_writes_saves_what_is_marked")]);

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
        let records = store.all(subject).await?;
        pause().await;
        let mut count = 0;
        for record in chosen(filter, &records) {
            if store.find(record.selector).await?.is_some_and(|now| now.revision == record.revision) {
                count += u64::from(store.end(record, action).await?);
            }
        }
        Ok(count)
    }
}
