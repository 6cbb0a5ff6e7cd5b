//! After a serialization failure the statement is sent again; a conflict then counts as "mine" if all columns are as
//! they were to be written. The body was left out: it is large, and the driver has no equality for blobs.
//! Breaks S5: only all bytes equal are one's own earlier send; two callers that mean the same both win.

use crate::prelude::*;

// A sequence that shows it:
// insert A; two callers replace(A, expected 1, End Spent) at the same millisecond with the same columns and different
// bodies: both `Replaced`, and a single-use token is spent twice.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    if answer == Replace::Conflict
        && let Some(stored) = store.find(call.next.selector).await?
        && (Record { body: call.next.body.clone(), ..stored }) == *call.next
    {
        return Ok(Replace::Replaced);
    }
    Ok(answer)
}
