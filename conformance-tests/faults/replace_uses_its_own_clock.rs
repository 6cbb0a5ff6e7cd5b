//! `UPDATE … AND expires_at > now()`: a record that is there is Missing.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S4, "replace::what_expired_long_ago_is_replaced_like_any_other")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        match store.find(next.selector).await? {
            Some(old) if is_over(&old) => Ok(Replace::Missing),
            _ => store.replace(next, expected, change).await,
        }
    }
}

/// Whether it has expired by the clock of the server.
fn is_over(record: &Record) -> bool {
    record.expires_at < SystemClock.now()
}
