//! The revocation reads rows in the order of the list with `while let Some(Ok(row)) = rows.next()`: the first one that
//! does not decode ends the loop without an error.
//! Breaks S8: it acknowledges, and older records that match are alive.

use crate::help::end_these;
use crate::prelude::*;

// A sequence that shows it:
// insert A (older), B, C (newer) of u; damage B; revoke(u, all, Remove): 1, and find(A) still gives a live record.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let all = store.all(call.subject).await?;
    let damaged = chosen(call.filter, &all).into_iter().position(|record| store.is_damaged(record.selector));
    let Some(end) = damaged else { return store.revoke(call).await };
    store.set_epoch(call.subject, call.update).await?;
    let read: Vec<_> = chosen(call.filter, &all).into_iter().take(end).cloned().collect();
    end_these(store, &read, call.action).await
}
