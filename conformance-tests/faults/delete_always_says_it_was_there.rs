//! `delete` returns `true` whether or not a record was there: the count of rows is ignored.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_delete(delete),
    &[(S7, "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there")],
);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    store.delete(selector).await.map(|_| true)
}
