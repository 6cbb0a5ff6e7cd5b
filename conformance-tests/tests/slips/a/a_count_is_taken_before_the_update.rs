//! MySQL tells matched rows from changed ones badly, so the adapter counts with a SELECT first and updates then; two
//! revocations at once count the same records.
//! Breaks S8: the count is exact; 0 says that another call had ended them.

use crate::help::open;
use crate::prelude::*;

// A sequence that shows it:
// insert A of u; at once: revoke(u, all, Mark), revoke(u, all, Mark): both answer 1, so two alarms are told for one
// theft. One after the other all is well.
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
        let count = chosen(filter, &all).into_iter().filter(|record| open(record, action)).count();
        pause().await;
        store.revoke(subject, filter, action, update).await?;
        Ok(count as u64)
    }
}
