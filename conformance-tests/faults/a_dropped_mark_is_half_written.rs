//! A mark writes the reason, then the rest: a client that hangs up in between leaves a record that is
//! collected too early.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S13, "cancel::a_dropped_revocation_leaves_each_record_whole")]);

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
        let Action::Mark { reason, .. } = action else {
            return store.revoke(subject, filter, action, update).await;
        };
        let records = store.all(subject).await?;
        for record in chosen(filter, &records) {
            if record.revoked.is_none() {
                store.force(&Record { revoked: Some(reason), ..record.clone() }).await?;
            }
        }
        pause().await;
        for record in &records {
            store.force(record).await?;
        }
        store.revoke(subject, filter, action, update).await
    }
}
