//! A revocation of many records ends them page by page and sets the epoch when it is done: a login that
//! checked the old password slips in behind the last page.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "history::a_sweep_ends_each_record_before_its_answer")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if chosen(call.filter, &store.all(call.subject).await?).len() <= 2_000 {
        return store.revoke(call).await;
    }
    let count = store.revoke(RevokeCall { update: EpochUpdate::Keep, ..call }).await?;
    for _ in 0..8 {
        pause().await;
    }
    store.set_epoch(call.subject, call.update).await?;
    Ok(count)
}
