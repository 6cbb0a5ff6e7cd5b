//! MySQL tells matched rows from changed ones badly, so the adapter counts with a SELECT first and updates then; two
//! revocations at once count the same records.
//! Breaks S8: the count is exact; 0 says that another call had ended them.

use crate::prelude::*;

// A sequence that shows it:
// insert A of u; at once: revoke(u, all, Mark), revoke(u, all, Mark): both answer 1, so two alarms are told for one
// theft. One after the other all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let count = store.meant(call).await?.len();
    pause().await;
    store.revoke(call).await?;
    Ok(count as u64)
}
