//! A purge says "maybe more" after every call, also one that removed none: another node may hold a lock on
//! what is due (S10).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_purge(purge));

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    store.purge(now, limit).await.map(|purged| Purged { more: true, ..purged })
}
