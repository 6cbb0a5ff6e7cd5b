//! More than 2,000 records are ended in pages of 500, and the next page begins `WHERE created_at < $last`: what was
//! created in the same millisecond as a page's last row is passed over.
//! Breaks S8: when it acknowledges, none is left, and the count is exact.

use crate::help::{open, revoke_picked};
use crate::prelude::*;

// A sequence that shows it:
// insert 2,001 records of u with one created_at; revoke(u, all, Remove): 500, and 1,501 are left. With an instant of its
// own for each all is well.
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
        let mut matching = store.all(subject).await?;
        matching.retain(|record| filter.matches(record) && open(record, action));
        if matching.len() <= 2_000 {
            return store.revoke(subject, filter, action, update).await;
        }
        let mut kept = HashSet::new();
        let mut rest = matching.as_slice();
        while rest.len() > 500 {
            let last = rest[499].created_at;
            let (passed, next) = rest[500..].split_at(rest[500..].partition_point(|r| r.created_at >= last));
            kept.extend(passed.iter().map(|record| record.selector));
            rest = next;
        }
        let pick = |record: &Record| filter.matches(record) && !kept.contains(&record.selector);
        revoke_picked(store, subject, filter, action, update, pick).await
    }
}
