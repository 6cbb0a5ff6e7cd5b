//! The unique index is over (subject, selector), and in an index NULL differs from NULL: a second anonymous record of a
//! selector is let in, and a look-up finds the later one.
//! Breaks S2: a selector is unique in the whole store.

use crate::prelude::*;

// A sequence that shows it:
// insert A without subject; insert another record of A's selector without subject: `Inserted` instead of `Duplicate`,
// and find gives the second. With a subject on either side all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let old = store.find(record.selector).await?;
    if record.subject.is_none()
        && old.is_some_and(|old| old.subject.is_none())
        && store.admits(record, fence).await?
    {
        store.force(record).await?;
        return Ok(INSERTED);
    }
    store.insert(record, fence).await
}
