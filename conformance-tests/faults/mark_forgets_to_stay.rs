//! A mark leaves the idle expiry and the purge time as they were: the record is collected before its owner
//! comes back.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S10, "expiry::a_marked_record_stays_until_its_absolute_expiry"),
    (S8, "subject::marking_does_what_the_record_says"),
]);

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
            if let Some(old) = before.iter().find(|old| old.selector == now.selector && old.revoked.is_none())
            {
                (now.idle_at, now.purge_at) = (old.idle_at, old.purge_at);
                store.force(&now).await?;
            }
        }
        Ok(count)
    }
}
