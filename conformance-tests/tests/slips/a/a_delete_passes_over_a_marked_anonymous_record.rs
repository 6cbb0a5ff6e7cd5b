//! `DELETE … WHERE selector = $1 AND (subject IS NOT NULL OR revoked = 0)`: "an anonymous session is deleted, never
//! marked", so one that a replace has ended is left to the purge.
//! Breaks S7: it takes a marked record like any other, and says so.

use crate::prelude::*;

// A sequence that shows it:
// insert A without subject; replace(A, marked Superseded, End); delete(A): false, and find(A) gives it still.
pub(crate) const BUG: Bug = Bug::new(|| on_delete(delete), &[]);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    let old = store.find(selector).await?;
    if old.is_some_and(|old| old.subject.is_none() && old.revoked.is_some()) {
        return Ok(false);
    }
    store.delete(selector).await
}
