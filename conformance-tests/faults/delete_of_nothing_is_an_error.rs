//! `delete` of a record that has gone is an error: the second click on "log out" returns 503.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_delete(delete),
    &[(S12, "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there")],
);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    match store.delete(selector).await? {
        true => Ok(true),
        false => Err(StoreError::Other("no row".into())),
    }
}
