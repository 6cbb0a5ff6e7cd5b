//! The body is stored in a text column: what is not UTF-8 is mended.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S16, "hostile::bodies_are_any_bytes")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let mut record = record.clone();
        let text = String::from_utf8_lossy(record.body.as_bytes()).into_owned();
        record.body = Body::new(text.into_bytes()).unwrap_or(record.body);
        store.insert(&record, fence).await
    }
}
