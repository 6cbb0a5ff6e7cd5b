//! The statement that revokes has no condition on the purpose: "log out the others" ends API keys.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S8, "subject::every_purpose_is_ended_alone")]);

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
        store.revoke(subject, &filter.clone().purposes(Purposes::ALL), action, update).await
    }
}
