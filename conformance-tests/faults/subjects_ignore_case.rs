//! Subjects are compared under a collation that ignores case, as MySQL's default does: Alice and alice are
//! one user.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S16, "hostile::every_spelling_of_a_subject_is_another_subject")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let fold = |name: &Subject| name.as_str().to_lowercase();
    let mut all = Vec::new();
    for alike in store.subjects(|name| fold(name) == fold(subject)) {
        all.extend(store.list(&alike, page).await?);
    }
    Ok(all)
}
