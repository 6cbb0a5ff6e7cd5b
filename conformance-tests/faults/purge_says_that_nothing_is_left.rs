//! A purge always says that nothing more is due, so nobody comes back: doorkeeper#1462, a table of 100
//! million rows.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S10, "expiry::a_purge_keeps_to_its_limit_and_says_whether_more_is_due")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        store.purge(now, limit).await.map(|purged| Purged { more: false, ..purged })
    }
}
