//! A subject is cut at 191 bytes, as far as an index of utf8mb4 reaches: two tenants of one long prefix
//! become one.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S16, "hostile::every_spelling_of_a_subject_is_another_subject")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let short: String = subject.as_str().chars().take(191).collect();
    store.list(&Subject::new(short).unwrap_or_else(|_| subject.clone()), page).await
}
