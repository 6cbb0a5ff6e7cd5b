//! Kinds are filtered after the limit: a page is short, and looks like the last, while there is more.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S9, "list::a_page_of_some_kinds_is_short_only_at_the_end")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let records = store.list(subject, &Page { kinds: Kinds::Any, ..page.clone() }).await?;
    Ok(records.into_iter().filter(|record| page.kinds.contain(&record.kind)).collect())
}
