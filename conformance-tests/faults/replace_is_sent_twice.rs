//! A client library sends a slow write again; the second time it conflicts with itself.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S5, "replace::what_was_replaced_is_found_byte_for_byte")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let _ = store.replace(call).await?;
    store.replace(call).await
}
