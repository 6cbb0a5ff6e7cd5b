//! The statement that inserts under a parent (`INSERT … SELECT … FROM tokens p … ON CONFLICT DO UPDATE`) was copied
//! from the one for updates, so a taken selector is written over.
//! Breaks S2: an existing selector is `Duplicate`, and its record stays as it was.

use crate::prelude::*;

// A sequence that shows it:
// insert P; insert A under P; mark A (or not); insert another record with A's selector under P:
// `Inserted` instead of `Duplicate`, and find(A) is the new record.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if matches!(fence, Fence::Parent(_))
        && store.find(record.selector).await?.is_some()
        && store.admits(record, fence).await?
    {
        store.force(record).await?;
        return Ok(INSERTED);
    }
    store.insert(record, fence).await
}
