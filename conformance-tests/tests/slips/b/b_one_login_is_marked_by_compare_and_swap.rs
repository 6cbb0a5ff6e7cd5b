//! MongoDB: the revocation of one login reads its few records and marks each where its revision is still the
//! one that was read; a record that a request moved meanwhile is read once more, then passed over.
//! Breaks S8: a record is saved by a `replace` that races, and the revocation is acknowledged.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

// insert(r); at once: touch r again and again, and revoke(login(r.login), Mark) → 0, r is live.
async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Logins::Only(_) = call.filter.logins else {
        return store.revoke(call).await;
    };
    if call.action == Action::Remove {
        return store.revoke(call).await;
    }
    if call.update != EpochUpdate::Keep {
        store.set_epoch(call.subject, call.update).await?;
    }
    let mut count = 0;
    let records = store.all(call.subject).await?;
    for record in chosen(call.filter, &records) {
        give_way().await;
        if store.end(record, call.action).await? {
            count += 1;
        } else if let Some(again) = store.find(record.selector).await? {
            give_way().await;
            count += u64::from(store.end(&again, call.action).await?);
        }
    }
    Ok(count)
}
