//! There are eight placeholders for kinds.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::a_kind_named_twice_counts_once")]);

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
        let mut filter = filter.clone();
        if let Kinds::Only(kinds) = &mut filter.kinds {
            kinds.truncate(8);
        }
        store.revoke(subject, &filter, action, update).await
    }
}
