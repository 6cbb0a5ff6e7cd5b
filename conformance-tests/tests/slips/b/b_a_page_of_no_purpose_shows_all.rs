//! MongoDB: the query adds `purpose: {$in: …}` only if the list is not empty.
//! Breaks S9: purpose is a condition; a page of no purpose shows every record.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r) → list(purposes = none) → [r] in place of [].
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut page = page.clone();
        if page.purposes.iter().next().is_none() {
            page.purposes = Purposes::ALL;
        }
        store.list(subject, &page).await
    }
}
