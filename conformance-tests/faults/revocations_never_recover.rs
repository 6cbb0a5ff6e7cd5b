//! Scripts are loaded once: after the server forgot them every revocation fails.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "outage::a_restarted_server_is_found_again")]);

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
        match store.fault() {
            Some(Fault::Restart) => Err(StoreError::Other("NOSCRIPT no matching script".into())),
            _ => store.revoke(subject, filter, action, update).await,
        }
    }
}
