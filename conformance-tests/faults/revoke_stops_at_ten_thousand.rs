//! A revocation makes ten rounds of 1,000 records, "and no one has more".

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::twelve_thousand_records_are_ended_and_counted")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let meant = store.meant(call).await?;
    store.revoke_but(meant.get(10_000..).unwrap_or_default(), call).await
}
