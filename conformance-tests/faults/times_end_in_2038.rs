//! Times are stored as 32-bit seconds: every expiry after 2038 is in 2038.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "insert::milliseconds_from_1970_to_9999_are_kept")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        record.expires_at = record.expires_at.min(Timestamp::from_millis(((1 << 31) - 1) * 1_000));
        store.insert(&record, fence).await
    }
}
