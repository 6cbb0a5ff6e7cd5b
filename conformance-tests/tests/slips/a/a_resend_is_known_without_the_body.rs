//! After a serialization failure the statement is sent again; a conflict then counts as "mine" if all columns are as
//! they were to be written. The body was left out: it is large, and the driver has no equality for blobs.
//! Breaks S5: only all bytes equal are one's own earlier send; two callers who mean the same both win.

use crate::prelude::*;

// A sequence that shows it:
// insert A; two callers replace(A, expected 1, End Spent) at the same millisecond with the same columns and different
// bodies: both `Replaced`, and a single-use token is spent twice.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let answer = store.replace(next, expected, change).await?;
        if answer == Replace::Conflict
            && let Some(stored) = store.find(next.selector).await?
            && (Record { body: next.body.clone(), ..stored }) == *next
        {
            return Ok(Replace::Replaced);
        }
        Ok(answer)
    }
}
