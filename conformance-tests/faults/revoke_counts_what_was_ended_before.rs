//! The count of a revocation includes what was marked already: the count of matched rows, not of changed
//! ones.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::repeating_finds_nothing_left_to_do")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let meant = chosen(call.filter, &store.all(call.subject).await?).len() as u64;
    store.revoke(call).await?;
    Ok(meant)
}
