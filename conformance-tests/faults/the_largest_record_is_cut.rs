//! A record is cut at 16 KiB all told: one with every field at its largest loses the end of its body.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "hostile::everything_at_its_largest_at_once")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let excess = record.encode().len().saturating_sub(92 + Body::MAX_LEN + 512);
        let bytes = record.body.as_bytes();
        record.body = Body::new(bytes[..bytes.len() - excess].to_vec()).unwrap_or(record.body);
        store.insert(&record, fence).await
    }
}
