//! `insert` looks whether the selector is free, then writes: of two inserts at once both are acknowledged.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S2, "race::of_many_inserts_of_one_selector_one_wins")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if store.find(record.selector).await?.is_some() {
        return Ok(Insert::Duplicate);
    }
    if !store.admits(record, fence).await? {
        return Ok(Insert::Fenced);
    }
    pause().await;
    store.force(record).await?;
    Ok(INSERTED)
}
