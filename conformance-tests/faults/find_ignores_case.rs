//! Selectors are compared as text under a collation that ignores case.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_find(find), &[(S3, "find::selectors_of_odd_bytes_are_kept_apart")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let alike = store.seen().into_iter().rfind(|key| key.0.eq_ignore_ascii_case(&selector.0));
    store.find(alike.unwrap_or(selector)).await
}
