//! The purpose has no column: it is guessed from the kind, and a kind of one's own is a device.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_find(find), &[(S1, "insert::what_never_changes_is_kept_through_every_write")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let found = store.find(selector).await?;
    Ok(found.map(|record| Record { purpose: Purpose::Device, ..record }))
}
