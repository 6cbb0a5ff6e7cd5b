//! A purge asks the clock of the database what is due: `WHERE purge_at <= now()`, in whatever time zone that
//! has.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[(S10, "expiry::exactly_what_is_due_goes")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let _ = now;
    store.purge(SystemClock.now(), limit).await
}
