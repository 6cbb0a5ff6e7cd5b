//! The next page is looked for from the record that it comes after; when that has gone, it begins anew.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S9, "list::a_page_begins_after_a_record_that_has_gone")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let there = match page.after {
        Some((_, selector)) => store.find(selector).await?.is_some(),
        None => true,
    };
    let after = page.after.filter(|_| there);
    store.list(subject, &Page { after, ..page.clone() }).await
}
