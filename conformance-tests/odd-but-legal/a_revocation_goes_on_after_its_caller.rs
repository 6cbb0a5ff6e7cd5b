//! A revocation that was sent is done on the server, 40 milliseconds later, though its caller has gone (S13: be it
//! after the drop).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>().only(&[
    "cancel::",
    "stream::",
    "history::",
    "random::",
    "race",
    "interleaved::",
    "login::",
]);

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let (store, subject, filter) = (store.clone(), subject.clone(), filter.clone());
        apart(async move {
            tokio::time::sleep(Duration::from_millis(40)).await;
            store.revoke(&subject, &filter, action, update).await
        })
        .await
    }
}
