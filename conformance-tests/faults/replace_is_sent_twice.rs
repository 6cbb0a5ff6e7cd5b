//! A client library sends a write again whose answer was slow; the second time it conflicts with itself.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S5, "replace::what_was_replaced_is_found_byte_for_byte")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let _ = store.replace(next, expected, change).await?;
        store.replace(next, expected, change).await
    }
}
