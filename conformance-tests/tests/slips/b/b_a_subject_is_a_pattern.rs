//! Redis: a revocation of everything finds the keys of a subject with `SCAN MATCH subject:*`, and a subject
//! may hold `*`.
//! Breaks S8: logging out the subject `a*` logs out every subject that begins with `a` (within its shard or
//! without one).

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let count = store.revoke(call).await?;
    if let Some(prefix) = call.subject.as_str().strip_suffix('*') {
        for other in store.subjects(|name| name.as_str().starts_with(prefix)) {
            store.revoke(RevokeCall { subject: &other, update: EpochUpdate::Keep, ..call }).await?;
        }
    }
    Ok(count)
}
