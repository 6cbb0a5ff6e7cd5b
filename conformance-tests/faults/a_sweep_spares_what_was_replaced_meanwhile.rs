//! A revocation of many records compares the revision that it read: a session that was just used outlives it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "history::a_sweep_ends_each_record_before_its_answer")]);

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
        if chosen(filter, &store.all(subject).await?).len() <= 2_000 {
            return store.revoke(subject, filter, action, update).await;
        }
        store.set_epoch(subject, update).await?;
        let records = store.all(subject).await?;
        for _ in 0..8 {
            pause().await;
        }
        let mut count = 0;
        for record in chosen(filter, &records) {
            if store.find(record.selector).await?.is_some_and(|now| now.revision == record.revision) {
                count += u64::from(store.end(record, action).await?);
            }
        }
        Ok(count)
    }
}
