//! A row that does not decode is left out of the list: no one learns of it, and a page that is short is taken
//! for the last one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "list::a_damaged_row_hides_no_other")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn show_list(
        &self,
        store: &Base,
        subject: &Subject,
        page: &Page,
    ) -> Result<Vec<Listed>, StoreError> {
        let records = self.list(store, subject, page).await?;
        let whole = records.into_iter().filter(|record| !store.is_damaged(record.selector));
        Ok(whole.map(Listed::from).collect())
    }
}
