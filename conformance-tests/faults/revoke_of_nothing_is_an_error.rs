//! A revocation that finds no record fails: "no such user".

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S12, "subject::a_subject_without_records_is_no_error")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    match store.revoke(call).await? {
        0 => Err(StoreError::Refused("no such subject".into())),
        count => Ok(count),
    }
}
