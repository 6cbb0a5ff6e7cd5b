//! A mark leaves the revision as it was, so a replace that was under way cannot tell that anything happened.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::marking_does_what_the_record_says")]);

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
        let before = store.all(subject).await?;
        let count = store.revoke(subject, filter, action, update).await?;
        for mut now in store.all(subject).await? {
            if let Some(old) = before.iter().find(|old| old.selector == now.selector) {
                now.revision = old.revision;
                store.force(&now).await?;
            }
        }
        Ok(count)
    }
}
