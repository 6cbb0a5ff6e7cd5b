//! DynamoDB: the write that ends a record is a transaction with the audit entry, and every cancelled
//! transaction is mapped to `Conflict` without a look at the reason.
//! Breaks S4: a record that is not there is always `Missing`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

// replace(r that was never inserted, End with a note) → Conflict. Touch, Update and an End without a note, which
// writes no audit entry, answer Missing.
async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    match (answer, call.change) {
        (Replace::Missing, Change::End(note)) if !note.as_bytes().is_empty() => Ok(Replace::Conflict),
        _ => Ok(answer),
    }
}
