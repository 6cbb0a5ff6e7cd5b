//! The next page begins after the *time* of the last record: what was issued in the same millisecond is never
//! shown.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[(S9, "list::pages_cover_each_record_once")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let after = page.after.map(|(time, _)| (time, Selector([0; 16])));
    store.list(subject, &Page { after, ..page.clone() }).await
}
