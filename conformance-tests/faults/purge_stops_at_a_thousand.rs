//! A purge takes a batch of a thousand records and never looks whether there are more: the rest waits until something
//! else is due.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_purge(purge), &[(S10, "expiry::nine_thousand_due_records_and_epochs_are_collected")]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let purged = store.purge(now, limit.min(1_000)).await?;
    Ok(Purged { more: purged.more && limit < 1_000, ..purged })
}
