//! The list leaves out what is marked or expired: core cannot tell a device that was logged out from one that
//! never was.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "list::marked_and_expired_records_are_listed")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let records = store.list(subject, page).await?;
        Ok(records.into_iter().filter(|record| record.revoked.is_none()).collect())
    }
}
