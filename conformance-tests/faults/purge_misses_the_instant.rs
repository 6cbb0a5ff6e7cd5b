//! A purge leaves what is due at this very instant: `<` where `<=` was meant.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S10, "expiry::exactly_what_is_due_goes"),
    (S10, "login::a_purge_leaves_an_hour_to_fast_clocks"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        store.purge(now.saturating_sub(Duration::from_millis(1)), limit).await
    }
}
