//! PostgreSQL: the last millisecond of 9999 is written as 'infinity', which no instant reaches.
//! Breaks S10: `purge_at` is at the given instant, so it is due, and "no more" is said.

use crate::prelude::*;

// A sequence that shows it:
// insert A with purge_at = Timestamp::MAX; purge(Timestamp::MAX, 10): removed 0, more false, and A is there. One
// millisecond earlier on both sides all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let finite = now.min(Timestamp::MAX.saturating_sub(Duration::from_millis(1)));
    store.purge(finite, limit).await
}
