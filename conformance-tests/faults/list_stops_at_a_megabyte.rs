//! A query ends at a megabyte, as one of DynamoDB does: a page is short though there is more.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S9, "list::a_megabyte_and_a_half_of_records_is_listed_and_ended")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let (mut records, mut size) = (store.list(subject, page).await?, 0);
        records.retain(|record| {
            size += record.body.as_bytes().len();
            size <= 1 << 20
        });
        Ok(records)
    }
}
