//! The purpose has no column: it is guessed from the kind, and a kind of one's own is a device.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S1, "insert::what_never_changes_is_kept_through_every_write")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let found = store.find(selector).await?;
        Ok(found.map(|record| Record { purpose: Purpose::Device, ..record }))
    }
}
