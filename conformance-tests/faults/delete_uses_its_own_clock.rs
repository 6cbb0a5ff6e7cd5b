//! What has expired by the clock of the database is left to the collector.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_delete(delete), &[(S7, "delete::what_expired_or_was_ended_is_deleted_like_any_other")]);

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    match store.find(selector).await? {
        Some(old) if is_over(&old) => Ok(false),
        _ => store.delete(selector).await,
    }
}

/// Whether it has expired by the clock of the server.
fn is_over(record: &Record) -> bool {
    record.expires_at < SystemClock.now()
}
