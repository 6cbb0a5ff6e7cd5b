//! The device is stored in a `VARCHAR(255)` of a server that cuts off what is longer.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S1, "insert::the_largest_and_the_smallest_values_are_kept"),
    (S16, "hostile::devices_are_any_text"),
]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let short: String = record.device.as_str().chars().take(255).collect();
        record.device = Device::new(short).unwrap_or_default();
        store.insert(&record, fence).await
    }
}
