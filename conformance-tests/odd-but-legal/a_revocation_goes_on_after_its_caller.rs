//! A revocation that was sent is done on the server, 40 milliseconds later, although its caller has gone
//! (S13: even after the drop).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_revoke(revoke)).only(&[
    "cancel::",
    "stream::",
    "history::",
    "random::",
    "race",
    "interleaved::",
    "login::",
]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let (store, subject, filter) = (store.clone(), call.subject.clone(), call.filter.clone());
    let RevokeCall { action, update, .. } = call;
    apart(async move {
        tokio::time::sleep(Duration::from_millis(40)).await;
        store.revoke(RevokeCall { subject: &subject, filter: &filter, action, update }).await
    })
    .await
}
