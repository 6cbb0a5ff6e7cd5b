//! SQLite has no arrays: the kinds are bound as one string with commas and asked for with `instr($kinds, kind) > 0`.
//! Breaks S8: no other record is ended; a kind whose name is part of a named one is.

use super::help::revoke_picked;
use crate::prelude::*;

// A sequence that shows it:
// insert A of kind "key" and B of kind "api-key"; revoke(u, kinds Only(["api-key"]), Remove): 2, and A is gone.
// Lists are right: they filter in the program.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

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
        let joined = kinds.iter().map(Kind::as_str).collect::<Vec<_>>().join(",");
        let rest = filter.clone().kinds(Kinds::Any);
        let pick = |record: &Record| rest.matches(record) && joined.contains(record.kind.as_str());
        revoke_picked(store, subject, filter, action, update, pick).await
    }
}
