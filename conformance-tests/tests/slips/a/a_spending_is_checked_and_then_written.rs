//! An end is `SELECT revision, revoked` and, if they are right, `UPDATE … WHERE selector = $1`, in one transaction at
//! read committed and without FOR UPDATE.
//! Breaks S5: of any number of concurrent replaces of one revision exactly one wins.

use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: replace(A, expected 1, End), twice: both `Replaced`: a single-use token spent twice. Touch and
// Update have the revision in their WHERE.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    if matches!(call.change, Change::End(_))
        && call.expected < Revision::MAX
        && let Some(old) = store.find(call.next.selector).await?
        && old.revision == call.expected
        && old.revoked.is_none()
    {
        pause().await;
        if store.find(call.next.selector).await?.is_none() {
            return Ok(Replace::Missing);
        }
        store.force(call.next).await?;
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
