//! DynamoDB: a Query answers at most 1 MB and a `LastEvaluatedKey`. The list follows it, the revocation
//! does not.
//! Breaks S8: of a subject with more than 1 MB of records the oldest survive.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let (mut read, mut left) = (0, store.all(call.subject).await?);
    left.retain(|record| {
        read += 300 + record.body.as_bytes().len();
        read > 1 << 20
    });
    store.revoke_but(&left, call).await
}
