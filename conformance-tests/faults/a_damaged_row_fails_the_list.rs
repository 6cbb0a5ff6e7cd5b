//! One row that does not decode is an error of the whole list: its owner sees no device, and none can be
//! logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "list::a_damaged_row_hides_no_other")]);

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
        match records.iter().find(|record| store.is_damaged(record.selector)) {
            Some(record) => {
                Err(StoreError::Corrupt { selector: Some(record.selector), source: "a body".into() })
            }
            None => Ok(records.into_iter().map(Listed::from).collect()),
        }
    }
}
