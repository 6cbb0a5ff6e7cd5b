//! The later time wins, as in Cassandra: a write by a clock that is behind is acknowledged and dropped.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S1, "replace::a_write_by_an_earlier_clock_counts")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let old = store.find(next.selector).await?;
        let late = |old: Record| {
            old.revision == expected && old.revoked.is_none() && next.updated_at < old.updated_at
        };
        if old.is_some_and(late) {
            return Ok(Replace::Replaced);
        }
        store.replace(next, expected, change).await
    }
}
