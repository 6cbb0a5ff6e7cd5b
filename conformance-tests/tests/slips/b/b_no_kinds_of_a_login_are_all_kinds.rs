//! Redis: the filter goes to the script as JSON, where an empty list is written as `{}` and taken for
//! "no condition"; only where no login is named either a guard stops it.
//! Breaks S8: a revocation of no kind at all ends everything of a login.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

// insert(r) → revoke(kinds Only([]), logins Only(r.login), Remove) → 1 in place of 0.
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
        let mut filter = filter.clone();
        if filter.logins != Logins::Any && filter.kinds == Kinds::Only(Vec::new()) {
            filter.kinds = Kinds::Any;
        }
        store.revoke(subject, &filter, action, update).await
    }
}
