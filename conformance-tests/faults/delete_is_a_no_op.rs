//! `delete` returns success and removes nothing, as a store of tower-sessions-stores does: the user stays logged in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_delete(delete),
    &[(S7, "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there")],
);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    Ok(store.find(selector).await?.is_some())
}
