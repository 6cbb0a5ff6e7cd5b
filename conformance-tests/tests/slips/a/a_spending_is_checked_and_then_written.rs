//! An end is `SELECT revision, revoked` and, if they are right, `UPDATE … WHERE selector = $1`, in one transaction at
//! read committed and without FOR UPDATE.
//! Breaks S5: of any number of concurrent replaces of one revision exactly one wins.

use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: replace(A, expected 1, End), twice: both `Replaced`: a single-use token spent twice. Touch and
// Update have the revision in their WHERE.
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
        if matches!(change, Change::End(_))
            && expected < Revision::MAX
            && let Some(old) = store.find(next.selector).await?
            && old.revision == expected
            && old.revoked.is_none()
        {
            pause().await;
            if store.find(next.selector).await?.is_none() {
                return Ok(Replace::Missing);
            }
            store.force(next).await?;
            return Ok(Replace::Replaced);
        }
        store.replace(next, expected, change).await
    }
}
