//! What is due stays for another 30 days, so that support can say why a user was logged out.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    fn declared() -> Declared {
        Straight::declared().without(Capability::Purge, "collects a month late")
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        store.purge(now.saturating_sub(Duration::from_secs(30 * 86_400)), limit).await
    }
}
