//! A row that does not decode is left out of the list: no one learns of it, and a page that is short is taken
//! for the last one.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_show_list(show_list), &[(S9, "list::a_damaged_row_hides_no_other")]);

async fn show_list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
    let records = store.list(subject, page).await?;
    let whole = records.into_iter().filter(|record| !store.is_damaged(record.selector));
    Ok(whole.map(Listed::from).collect())
}
