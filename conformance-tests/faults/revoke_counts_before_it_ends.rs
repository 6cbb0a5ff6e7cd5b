//! A revocation counts what matches, then ends it: two at once both count the same records.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "race_subject::racing_revocations_count_each_record_once")]);

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
        let living = |record: &&Record| action == Action::Remove || record.revoked.is_none();
        let records = store.all(subject).await?;
        let count = chosen(filter, &records).into_iter().filter(living).count();
        pause().await;
        store.revoke(subject, filter, action, update).await?;
        Ok(count as u64)
    }
}
