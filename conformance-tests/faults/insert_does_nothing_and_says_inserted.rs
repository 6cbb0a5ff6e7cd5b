//! `ON CONFLICT DO NOTHING`, and the count of rows is ignored: a token is handed out that was never stored.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    match store.insert(record, fence).await? {
        Insert::Duplicate => Ok(INSERTED),
        other => Ok(other),
    }
}
