//! A query for each kind, and the counts are added: a kind that is named twice counts twice.

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
        let records = store.all(subject).await?;
        let living = |record: &&Record| action == Action::Remove || record.revoked.is_none();
        let count = store.revoke(subject, filter, action, update).await?;
        let Kinds::Only(kinds) = &filter.kinds else { return Ok(count) };
        let of_kind = |kind: &Kind| {
            let filter = filter.clone().kinds((*kind).into());
            chosen(&filter, &records).into_iter().filter(living).count() as u64
        };
        Ok(kinds.iter().map(of_kind).sum())
    }
}
