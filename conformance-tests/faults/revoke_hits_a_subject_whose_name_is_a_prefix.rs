//! A revocation finds its records with `LIKE 'alice%'`: alice logs alice2 out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::removing_takes_all_of_the_subject_and_no_other")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    for near in store.subjects(|name| name.as_str().starts_with(call.subject.as_str())) {
        if near != *call.subject {
            store.revoke(RevokeCall { subject: &near, ..call }).await?;
        }
    }
    store.revoke(call).await
}
