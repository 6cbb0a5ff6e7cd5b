//! The revocation marks first and returns early when all that matched was marked already: "another call has done this
//! log-out". The epoch is written after that line.
//! Breaks S8 and S11: the epoch is set whatever the count.

use crate::prelude::*;

// A sequence that shows it:
// insert A of u; revoke(u, all, Mark): 1; epoch(u) = E; revoke(u, all, Mark, Set E2): 0, and the epoch is still E, so an
// insert under E gets in. With no record at all, or one that is alive, the epoch is set.
pub(crate) const BUG: Bug = Bug::new(|| on_revoke(revoke), &[]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if matches!(call.action, Action::Mark { .. }) {
        let all = store.all(call.subject).await?;
        let matching = chosen(call.filter, &all);
        if !matching.is_empty() && matching.iter().all(|record| record.revoked.is_some()) {
            return Ok(0);
        }
    }
    store.revoke(call).await
}
