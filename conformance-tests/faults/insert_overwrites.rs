//! `insert` is an upsert, as `save` of the SQL stores of tower-sessions is: a live session is replaced by
//! another's.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    if answer != Insert::Duplicate {
        return Ok(answer);
    }
    store.force(record).await?;
    Ok(INSERTED)
}
