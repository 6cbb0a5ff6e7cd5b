//! The next page begins with the record that it should come after: `<=` where `<` was meant.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[(S9, "list::pages_cover_each_record_once")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let last = match page.after {
        Some((_, selector)) => store.find(selector).await?,
        None => None,
    };
    let rest = store.list(subject, page).await?;
    Ok(last.into_iter().chain(rest).take(page.limit.get().into()).collect())
}
