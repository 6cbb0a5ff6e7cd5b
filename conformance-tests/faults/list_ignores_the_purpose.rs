//! A page has no condition on the purpose: the list of devices shows API keys.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_list(list), &[(S9, "list::kinds_and_purposes_are_conditions_that_both_hold")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    store.list(subject, &Page { purposes: Purposes::ALL, ..page.clone() }).await
}
