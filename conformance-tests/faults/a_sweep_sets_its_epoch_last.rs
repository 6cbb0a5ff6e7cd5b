//! A revocation of many records ends them page by page and sets the epoch when it is done: a login that
//! checked the old password slips in behind the last page.

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
        let count = store.revoke(subject, filter, action, EpochUpdate::Keep).await?;
        for _ in 0..8 {
            pause().await;
        }
        store.set_epoch(subject, update).await?;
        Ok(count)
    }
}
