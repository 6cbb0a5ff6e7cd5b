//! `delete` looks, then removes: two callers at once both learn that they removed it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_delete(delete), &[(S7, "race::of_many_deletes_one_found_the_record")]);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    let there = store.find(selector).await?.is_some();
    pause().await;
    store.delete(selector).await?;
    Ok(there)
}
