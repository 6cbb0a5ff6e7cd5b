//! `SELECT 1 … WHERE selector = $1`, then `DELETE`: two deletes at once both find the record.
//! Breaks S7: `delete` says whether there was a record; for one of them there was none.

use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: delete(A), delete(A): both true. One after the other all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_delete(delete), &[]);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    let there = store.find(selector).await?.is_some();
    pause().await;
    store.delete(selector).await?;
    Ok(there)
}
