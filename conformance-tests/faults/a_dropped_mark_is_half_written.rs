//! A mark writes the reason, then the rest: a client that hangs up in between leaves a record that is
//! collected too early.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S13, "cancel::a_dropped_revocation_leaves_each_record_whole")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Action::Mark { reason, .. } = call.action else {
        return store.revoke(call).await;
    };
    let records = store.all(call.subject).await?;
    for record in chosen(call.filter, &records) {
        if record.revoked.is_none() {
            store.force(&Record { revoked: Some(reason), ..record.clone() }).await?;
        }
    }
    pause().await;
    for record in &records {
        store.force(record).await?;
    }
    store.revoke(call).await
}
