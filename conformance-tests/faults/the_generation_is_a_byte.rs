//! The generation is stored in a byte: after 255 rotations it stands still.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "insert::the_largest_and_the_smallest_values_are_kept")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        record.generation = record.generation.min(255);
        store.insert(&record, fence).await
    }
}
