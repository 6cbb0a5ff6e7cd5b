//! The revocation reads rows in the order of the list with `while let Some(Ok(row)) = rows.next()`: the first one that
//! does not decode ends the loop without an error.
//! Breaks S8: it acknowledges, and older records that match are alive.

use crate::help::end_these;
use crate::prelude::*;

// A sequence that shows it:
// insert A (older), B, C (newer) of u; damage B; revoke(u, all, Remove): 1, and find(A) still gives a live record.
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
        let all = store.all(subject).await?;
        let damaged = chosen(filter, &all).into_iter().position(|record| store.is_damaged(record.selector));
        let Some(end) = damaged else { return store.revoke(subject, filter, action, update).await };
        store.set_epoch(subject, update).await?;
        let read: Vec<_> = chosen(filter, &all).into_iter().take(end).cloned().collect();
        end_these(store, &read, action).await
    }
}
