//! `replace` updates what changes "every time" and leaves the device, so the list of devices shows the old
//! one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "replace::what_was_replaced_is_found_byte_for_byte")]);

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
        let mut next = next.clone();
        if let Some(old) = store.find(next.selector).await? {
            next.device = old.device;
        }
        store.replace(&next, expected, change).await
    }
}
