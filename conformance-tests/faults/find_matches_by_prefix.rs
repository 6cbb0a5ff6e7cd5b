//! `find` looks for a key that begins like the one asked for.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_find(find), &[(S3, "find::near_misses_never_match")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let near = store.seen().into_iter().find(|key| key.0[..12] == selector.0[..12]);
    store.find(near.unwrap_or(selector)).await
}
