//! A purge leaves what is due at this very instant: `<` where `<=` was meant.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_purge(purge),
    &[(S10, "expiry::exactly_what_is_due_goes"), (S10, "login::a_purge_leaves_an_hour_to_fast_clocks")],
);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now.saturating_sub(Duration::from_millis(1)), limit).await
}
