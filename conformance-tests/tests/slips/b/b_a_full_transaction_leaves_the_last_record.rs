//! DynamoDB: a transaction takes 100 items. The chunks are counted before the epoch's item takes a place
//! in the first one.
//! Breaks S8: of exactly 100 matching records (or 200 …) one survives a revocation that sets the epoch.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let mut matching = store.all(call.subject).await?;
    matching.retain(|record| call.filter.matches(record));
    let full = call.update != EpochUpdate::Keep && matching.len() % 100 == 0;
    let oldest = matching.last().filter(|oldest| full && oldest.revoked.is_none());
    store.revoke_but(oldest.map(std::slice::from_ref).unwrap_or_default(), call).await
}
