//! In one transaction the row is inserted first, then the fence is looked at, and a rollback follows if it does not
//! hold. A record that names itself as parent finds itself.
//! Breaks S11: the parent is gone (it never was there), so the insert is `Fenced`.

use crate::prelude::*;

// A sequence that shows it:
// insert A under parent A, where no record A is there (say after A was deleted): `Inserted` instead of `Fenced`.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let own = fence == Fence::Parent(record.selector);
    store.insert(record, if own { Fence::None } else { fence }).await
}
