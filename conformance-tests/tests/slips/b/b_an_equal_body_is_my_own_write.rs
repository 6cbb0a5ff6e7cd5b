//! FoundationDB: a commit of unknown result is tried again, and the second try knows the first by revision
//! and body, as every body carries a fresh id.
//! Breaks S5: all bytes have to be equal, and nothing less; here a second caller's write with other columns is
//! acknowledged and lost.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

// insert(r) → replace(r', device "a") → Replaced → replace(r' with device "b", same body, same expected)
// → Replaced; find shows "a".
async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    if answer == Replace::Conflict
        && let Some(stored) = store.find(call.next.selector).await?
        && stored.revision == call.next.revision
        && stored.body == call.next.body
        && stored.revoked == call.next.revoked
    {
        return Ok(Replace::Replaced);
    }
    Ok(answer)
}
