//! A derived `Debug` shows the body of the record that was written last, digests and data.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S18, "secrecy::debug_output_shows_no_body"),
    (S18, "secrecy::debug_output_shows_no_token"),
]);

#[derive(Default)]
struct Wrong {
    last: Locked<Option<Record>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        *self.last.lock() = Some(record.clone());
        store.insert(record, fence).await
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({:?})", self.last.lock().as_ref().map(|record| record.body.as_bytes()))
    }
}
