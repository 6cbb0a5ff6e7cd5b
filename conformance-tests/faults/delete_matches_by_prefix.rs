//! `delete` removes every record whose key begins like the one that it was given.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_delete(delete), &[(S7, "delete::deleting_one_record_leaves_its_neighbours")]);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    let there = store.delete(selector).await?;
    for near in store.seen().into_iter().filter(|key| key.0[..15] == selector.0[..15]) {
        store.delete(near).await?;
    }
    Ok(there)
}
