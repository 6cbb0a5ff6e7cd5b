//! The next page is asked for with `(created_at, selector) < (SELECT created_at, selector … WHERE selector = $after)`; if
//! that record was deleted meanwhile the comparison is with NULL.
//! Breaks S9: it misses records that are there; the contract says that the record of `after` may be gone.

use crate::prelude::*;

// A sequence that shows it:
// insert A, B, C of u; list(limit 1) = [C]; delete(C); list(after C) = [] instead of [B, A].
pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    if let Some((_, after)) = page.after
        && store.find(after).await?.is_none()
    {
        return Ok(Vec::new());
    }
    store.list(subject, page).await
}
