//! DynamoDB: the sort key is `kind#…`, and marking asks for it with `begins_with(kind)` without the `#`.
//! Breaks S8: revoking `session` also ends `session:admin`, a record that does not match.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

// insert(r with kind "session:admin") → revoke(kinds Only(["session"]), Mark) → 1. Removing is right.
async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let Kinds::Only(kinds) = &call.filter.kinds else {
        return store.revoke(call).await;
    };
    let mut wide = kinds.clone();
    if call.action != Action::Remove {
        for record in store.all(call.subject).await? {
            if kinds.iter().any(|kind| record.kind.as_str().starts_with(kind.as_str())) {
                wide.push(record.kind);
            }
        }
    }
    store.revoke(RevokeCall { filter: &call.filter.clone().kinds(Kinds::Only(wide)), ..call }).await
}
