//! A revocation passes over the newest record: `<` where `<=` was meant. The login of the thief is the
//! newest.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_revoke(revoke),
    &[
        (S8, "subject::removing_takes_all_of_the_subject_and_no_other"),
        (D12, "login::an_ending_completes_though_its_caller_is_gone"),
    ],
);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let all = store.all(call.subject).await?;
    store.revoke_but(all.get(..1).unwrap_or_default(), call).await
}
