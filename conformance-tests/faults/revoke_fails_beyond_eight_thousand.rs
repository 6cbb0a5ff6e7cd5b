//! `unpack` of Lua takes 7,999 values: a user with more records can never be logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S12, "subject::twelve_thousand_records_are_ended_and_counted")]);

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
        if chosen(filter, &store.all(subject).await?).len() > 7_999 {
            return Err(StoreError::Other("too many results to unpack".into()));
        }
        store.revoke(subject, filter, action, update).await
    }
}
