//! A kind is cut at 8 characters: `one-time` and `one-time:reset` become one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S16, "hostile::kinds_are_compared_whole")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let short: String = record.kind.as_str().chars().take(8).collect();
        record.kind = Kind::new(&short).unwrap_or(record.kind);
        store.insert(&record, fence).await
    }
}
