//! When an end changes no row, a second statement tells why: `SELECT revision … WHERE selector = $1 AND revoked = 0`,
//! and a marked record is not found by it.
//! Breaks S4: a record that is not there is `Missing`, and no other is.

use crate::prelude::*;

// A sequence that shows it:
// insert A; revoke(u, all, Mark); replace(A, End Spent): `Missing` instead of `Conflict`, so a revoked one-time token is
// told as unknown. Touch and Update are right.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    if answer == Replace::Conflict
        && matches!(call.change, Change::End(_))
        && store.find(call.next.selector).await?.is_some_and(|record| record.revoked.is_some())
    {
        return Ok(Replace::Missing);
    }
    Ok(answer)
}
