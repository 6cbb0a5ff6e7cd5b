//! The revocation marks first and returns early when all that matched was marked already: "another call has done this
//! log-out". The epoch is written after that line.
//! Breaks S8 and S11: the epoch is set whatever the count.

use crate::prelude::*;

// A sequence that shows it:
// insert A of u; revoke(u, all, Mark): 1; epoch(u) = E; revoke(u, all, Mark, Set E2): 0, and the epoch is still E, so an
// insert under E gets in. With no record at all, or one that is alive, the epoch is set.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

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
        if matches!(action, Action::Mark { .. }) {
            let all = store.all(subject).await?;
            let matching = chosen(filter, &all);
            if !matching.is_empty() && matching.iter().all(|record| record.revoked.is_some()) {
                return Ok(0);
            }
        }
        store.revoke(subject, filter, action, update).await
    }
}
