//! A revocation that finds no record fails: "no such user".

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "subject::a_subject_without_records_is_no_error")]);

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
        match store.revoke(subject, filter, action, update).await? {
            0 => Err(StoreError::Refused("no such subject".into())),
            count => Ok(count),
        }
    }
}
