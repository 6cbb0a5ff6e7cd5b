//! Times are stored in whole seconds: `DATETIME` without fraction.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "insert::milliseconds_from_1970_to_9999_are_kept")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let whole = |time: Timestamp| Timestamp::from_millis(time.as_millis() / 1_000 * 1_000);
        record.created_at = whole(record.created_at);
        record.updated_at = whole(record.updated_at);
        record.seen_at = whole(record.seen_at);
        store.insert(&record, fence).await
    }
}
