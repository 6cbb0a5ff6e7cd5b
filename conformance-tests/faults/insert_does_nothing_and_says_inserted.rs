//! `ON CONFLICT DO NOTHING`, and nobody looked at the count of rows: a token is handed out that was never
//! stored.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S2, "insert::a_taken_selector_is_a_duplicate_and_the_old_record_is_untouched")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        match store.insert(record, fence).await? {
            Insert::Duplicate => Ok(INSERTED),
            other => Ok(other),
        }
    }
}
