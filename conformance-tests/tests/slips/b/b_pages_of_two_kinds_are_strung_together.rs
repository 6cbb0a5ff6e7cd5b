//! DynamoDB: a page of several kinds asks the index once a kind, strings the answers together and cuts them
//! at the limit without merging them by time.
//! Breaks S9: where records of two kinds alternate, the next page begins behind some that no page has shown.

use crate::help::{cut, uncut};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

// insert a1 k1, a2 k2, a3 k1, a4 k2 (newer and newer) → list(Only([k1, k2]), limit 2) → a3, a1
// → list(after a1) → []; a4 and a2 were never shown.
async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let Kinds::Only(kinds) = &page.kinds else { return store.list(subject, page).await };
    let mut records = store.list(subject, &uncut(page)).await?;
    records.sort_by_key(|record| kinds.iter().position(|kind| *kind == record.kind));
    Ok(cut(records, page))
}
