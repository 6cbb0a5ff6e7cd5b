//! `unpack` of Lua takes 7,999 values: a user with more records can never be logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S12, "subject::twelve_thousand_records_are_ended_and_counted")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if chosen(call.filter, &store.all(call.subject).await?).len() > 7_999 {
        return Err(StoreError::Other("too many results to unpack".into()));
    }
    store.revoke(call).await
}
