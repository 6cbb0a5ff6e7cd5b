//! A revocation counts what matches, then ends it: two at once both count the same records.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "race_subject::racing_revocations_count_each_record_once")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let count = store.meant(call).await?.len();
    pause().await;
    store.revoke(call).await?;
    Ok(count as u64)
}
