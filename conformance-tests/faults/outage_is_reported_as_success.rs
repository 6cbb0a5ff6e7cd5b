//! When the connection is cut, a revocation answers that nothing was left to do: "logged out", and still in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S12, "outage::cut_connections_are_an_error_and_pass"),
    (S12, "random::nothing_is_done_in_secret_while_the_server_is_stopped"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    fn declared() -> Declared {
        served()
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        Ok(store.revoke(subject, filter, action, update).await.unwrap_or_default())
    }
}
