//! FoundationDB: a commit of unknown result is tried again, and the second try knows the first by revision
//! and body, as every body carries a fresh id.
//! Breaks S5: all bytes have to be equal, and nothing less; here a second caller's write with other columns is
//! acknowledged and lost.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r) → replace(r', device "a") → Replaced → replace(r' with device "b", same body, same expected)
// → Replaced; find shows "a".
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
            && stored.revision == next.revision
            && stored.body == next.body
            && stored.revoked == next.revoked
        {
            return Ok(Replace::Replaced);
        }
        Ok(answer)
    }
}
