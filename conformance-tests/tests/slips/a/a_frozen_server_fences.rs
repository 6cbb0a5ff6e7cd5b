//! The fence's look-up ends in `.await.unwrap_or(None)` where a statement timed out: a parent that could not be read in
//! time counts as gone.
//! Breaks S12: a backend that fails is `Err`, never `Fenced`.

use crate::prelude::*;

// A sequence that shows it:
// insert P; freeze the server; insert A under P: `Fenced` instead of Err. Cut and stopped servers give errors.
pub(crate) const BUG: Bug = Bug::new(|| Shared::served(OnInsert(insert)), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await;
    if answer.is_err() && store.fault() == Some(Fault::Freeze) && matches!(fence, Fence::Parent(_)) {
        return Ok(Insert::Fenced);
    }
    answer
}
