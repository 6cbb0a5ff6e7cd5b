//! A mark removes the record: the rightful user is told "invalid" although it was a theft.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::marking_does_what_the_record_says")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    store.revoke(RevokeCall { action: Action::Remove, ..call }).await
}
