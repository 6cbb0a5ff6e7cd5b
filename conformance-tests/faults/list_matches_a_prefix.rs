//! The list finds its records with `LIKE 'alice%'`: alice sees the devices of alice2.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S9, "list::only_the_subjects_own_records_are_listed")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let mut all = Vec::new();
    for near in store.subjects(|name| name.as_str().starts_with(subject.as_str())) {
        all.extend(store.list(&near, page).await?);
    }
    Ok(all)
}
