//! A revocation decodes every record before it ends one: a damaged row saves all others of its owner.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[(S12, "list::a_damaged_row_hides_no_other")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    for record in store.all(call.subject).await? {
        if store.is_damaged(record.selector) {
            return Err(StoreError::Corrupt { selector: Some(record.selector), source: "a body".into() });
        }
    }
    store.revoke(call).await
}
