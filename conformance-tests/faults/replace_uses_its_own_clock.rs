//! `UPDATE … AND expires_at > now()`: a record that is there is Missing.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S4, "replace::what_expired_long_ago_is_replaced_like_any_other")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    match store.find(call.next.selector).await? {
        Some(old) if is_over(&old) => Ok(Replace::Missing),
        _ => store.replace(call).await,
    }
}

/// Whether it has expired by the clock of the server.
fn is_over(record: &Record) -> bool {
    record.expires_at < SystemClock.now()
}
