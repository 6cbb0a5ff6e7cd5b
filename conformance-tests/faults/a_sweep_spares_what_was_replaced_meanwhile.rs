//! A revocation of many records compares the revision that it read: a session that was just used outlives it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "history::a_sweep_ends_each_record_before_its_answer")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if chosen(call.filter, &store.all(call.subject).await?).len() <= 2_000 {
        return store.revoke(call).await;
    }
    store.set_epoch(call.subject, call.update).await?;
    let records = store.all(call.subject).await?;
    for _ in 0..8 {
        pause().await;
    }
    let mut count = 0;
    for record in chosen(call.filter, &records) {
        if store.find(record.selector).await?.is_some_and(|now| now.revision == record.revision) {
            count += u64::from(store.end(record, call.action).await?);
        }
    }
    Ok(count)
}
