//! DynamoDB: the sort key is `kind#…`, and marking asks for it with `begins_with(kind)` without the `#`.
//! Breaks S8: revoking `session` also ends `session:admin`, a record that does not match.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r with kind "session:admin") → revoke(kinds Only(["session"]), Mark) → 1. Removing is right.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let Kinds::Only(kinds) = &filter.kinds else {
            return store.revoke(subject, filter, action, update).await;
        };
        let mut wide = kinds.clone();
        if action != Action::Remove {
            for record in store.all(subject).await? {
                if kinds.iter().any(|kind| record.kind.as_str().starts_with(kind.as_str())) {
                    wide.push(record.kind);
                }
            }
        }
        store.revoke(subject, &filter.clone().kinds(Kinds::Only(wide)), action, update).await
    }
}
