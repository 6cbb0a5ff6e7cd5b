//! One row that does not decode is an error of the whole list: its owner sees no device, and none can be
//! logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_show_list(show_list), &[(S12, "list::a_damaged_row_hides_no_other")]);

async fn show_list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
    let records = store.list(subject, page).await?;
    match records.iter().find(|record| store.is_damaged(record.selector)) {
        Some(record) => Err(StoreError::Corrupt { selector: Some(record.selector), source: "a body".into() }),
        None => Ok(records.into_iter().map(Listed::from).collect()),
    }
}
