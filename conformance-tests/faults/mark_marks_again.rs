//! A second mark writes its own reason over the first: a theft turns into a logout.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S8, "subject::what_is_marked_already_keeps_its_first_reason")]);

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
        if let Action::Mark { reason, at } = action {
            for mut record in chosen(filter, &store.all(subject).await?).into_iter().cloned() {
                record.revoked = None;
                record.mark(reason, at);
                store.force(&record).await?;
            }
        }
        store.revoke(subject, filter, action, update).await
    }
}
