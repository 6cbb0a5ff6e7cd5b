//! `insert` writes over a record that has expired or was ended: the mark, and why, are lost.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[(S2, "insert::a_selector_stays_taken_when_its_record_has_expired_or_was_ended")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if let Some(old) = store.find(record.selector).await?
        && !old.is_live(record.created_at)
    {
        store.delete(old.selector).await?;
    }
    store.insert(record, fence).await
}
