//! A revocation decodes every record before it ends one: a damaged row saves all others of its owner.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "list::a_damaged_row_hides_no_other")]);

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
        for record in store.all(subject).await? {
            if store.is_damaged(record.selector) {
                return Err(StoreError::Corrupt { selector: Some(record.selector), source: "a body".into() });
            }
        }
        store.revoke(subject, filter, action, update).await
    }
}
