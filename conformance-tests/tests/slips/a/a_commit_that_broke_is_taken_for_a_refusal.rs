//! A connection that breaks in an insert under a parent is `Unavailable`, though the statement may have been sent and
//! committed: that path has no transaction, and the author maps by the kind of the I/O error.
//! Breaks S12: where a write may have happened all the same, the error says so; core does not look, and the session lives.

use crate::prelude::*;

// A sequence that shows it:
// insert P; cut the connections; insert A under P: Err(Unavailable), "nothing was written"; heal; find(A) gives A.
pub(crate) const BUG: Bug = Bug::new(|| Shared::served(OnInsert(insert)), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if store.fault() == Some(Fault::Cut) && matches!(fence, Fence::Parent(_)) {
        let _ = store.insert_unanswered(record, fence).await?;
        return Err(StoreError::Unavailable("connection reset by peer".into()));
    }
    store.insert(record, fence).await
}
