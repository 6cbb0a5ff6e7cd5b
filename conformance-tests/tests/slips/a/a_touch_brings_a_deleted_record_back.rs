//! The touch reads revision and reason, and then writes with `REPLACE INTO`, SQLite's upsert: a delete in between is
//! undone.
//! Breaks S4: a deleted record does not come back through `replace`.

use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: replace(A, Touch), delete(A): delete answers true, then replace `Replaced`, and find(A) gives a
// live record after a log-out.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    if call.change == Change::Touch
        && let Some(old) = store.find(call.next.selector).await?
        && old.revision == call.expected
        && old.revoked.is_none()
    {
        pause().await;
        let answer = store.replace(call).await?;
        if answer == Replace::Missing && store.insert(call.next, Fence::None).await?.is_inserted() {
            return Ok(Replace::Replaced);
        }
        return Ok(answer);
    }
    store.replace(call).await
}
