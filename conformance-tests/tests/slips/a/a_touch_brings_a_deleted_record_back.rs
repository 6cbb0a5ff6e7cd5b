//! The touch reads revision and reason, and then writes with `REPLACE INTO`, SQLite's upsert: a delete in between is
//! undone.
//! Breaks S4: a deleted record does not come back through `replace`.

use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: replace(A, Touch), delete(A): delete answers true, then replace `Replaced`, and find(A) gives a
// live record after a log-out.
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
        if change == Change::Touch
            && let Some(old) = store.find(next.selector).await?
            && old.revision == expected
            && old.revoked.is_none()
        {
            pause().await;
            let answer = store.replace(next, expected, change).await?;
            if answer == Replace::Missing && store.insert(next, Fence::None).await?.is_inserted() {
                return Ok(Replace::Replaced);
            }
            return Ok(answer);
        }
        store.replace(next, expected, change).await
    }
}
