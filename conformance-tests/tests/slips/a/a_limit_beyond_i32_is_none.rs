//! The limit is bound as a 32-bit integer, `limit as i32`, and a negative one was "clamped" to 0 after PostgreSQL had
//! complained; 0 removed rows of a larger limit mean "no more".
//! Breaks S10: it says "no more" while records are due.

use crate::prelude::*;

// A sequence that shows it:
// insert A with purge_at 1000; purge(1000, u32::MAX): removed 0, more false, and A is there. With i32::MAX all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    if i32::try_from(limit).is_err() {
        return Ok(Purged { more: false, ..store.purge(now, 0).await? });
    }
    store.purge(now, limit).await
}
