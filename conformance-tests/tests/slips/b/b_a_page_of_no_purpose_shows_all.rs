//! MongoDB: the query adds `purpose: {$in: …}` only if the list is not empty.
//! Breaks S9: purpose is a condition; a page of no purpose shows every record.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

// insert(r) → list(purposes = none) → [r] in place of [].
async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let mut page = page.clone();
    if page.purposes.iter().next().is_none() {
        page.purposes = Purposes::ALL;
    }
    store.list(subject, &page).await
}
