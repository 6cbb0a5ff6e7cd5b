//! MongoDB: the `$set` of a replace is made of the fields that are not empty, as the mapper leaves empty
//! strings out.
//! Breaks S1: after an acknowledged replace `find` shows a device that the record no longer has.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

// insert(r with device "Firefox") → replace(r' with device "") → Replaced → find shows "Firefox".
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
        if next.device.as_str().is_empty()
            && let Some(old) = store.find(next.selector).await?
        {
            next.device = old.device;
        }
        store.replace(&next, expected, change).await
    }
}
