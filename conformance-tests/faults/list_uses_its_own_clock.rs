//! A list leaves out what has expired by the clock of the database.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "list::what_expired_long_ago_is_listed")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        records.retain(|record| !is_over(record));
        Ok(records)
    }
}

/// Whether it has expired by the clock of the server.
fn is_over(record: &Record) -> bool {
    record.expires_at < SystemClock.now()
}
