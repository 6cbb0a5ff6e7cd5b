//! A purge removes what is spent or revoked "since no one needs it": its token is unknown where it should be
//! a replay.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_purge(purge),
    &[
        (S10, "expiry::a_spent_record_stays_until_its_absolute_expiry"),
        (S10, "expiry::a_marked_record_stays_until_its_absolute_expiry"),
    ],
);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    for record in store.find_all(&store.seen()).await?.iter().filter(|record| record.revoked.is_some()) {
        store.delete(record.selector).await?;
    }
    store.purge(now, limit).await
}
