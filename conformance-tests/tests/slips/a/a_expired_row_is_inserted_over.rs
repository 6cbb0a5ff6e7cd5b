//! `ON CONFLICT (selector) DO UPDATE … WHERE tokens.purge_at <= EXCLUDED.created_at`: the author lets an insert reclaim
//! a row that is due for collecting anyway.
//! Breaks S2: an existing selector is `Duplicate`, however long it has been expired.

use crate::prelude::*;

// A sequence that shows it:
// insert A with purge_at = 1000; insert a record of A's selector with created_at = 1000 (fence none or one that holds):
// `Inserted` instead of `Duplicate`, and A is written over. With created_at = 999 all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let old = store.find(record.selector).await?;
    if old.is_some_and(|old| old.purge_at <= record.created_at) && store.admits(record, fence).await? {
        store.force(record).await?;
        return Ok(INSERTED);
    }
    store.insert(record, fence).await
}
