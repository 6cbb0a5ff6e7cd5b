//! A revocation reads, then marks what has not changed meanwhile: a replace that comes in between saves its
//! record.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "race_subject::no_flood_of_writes_saves_what_is_marked")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    store.set_epoch(call.subject, call.update).await?;
    let records = store.all(call.subject).await?;
    pause().await;
    let mut count = 0;
    for record in chosen(call.filter, &records) {
        if store.find(record.selector).await?.is_some_and(|now| now.revision == record.revision) {
            count += u64::from(store.end(record, call.action).await?);
        }
    }
    Ok(count)
}
