//! `replace` lets a single-use token be used again by whoever read it after it was spent.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S4, "replace::a_spent_record_conflicts_with_every_replace")]);

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
        if old.is_some_and(|old| old.revision == expected && old.revoked == Some(Reason::Spent)) {
            store.force(next).await?;
            return Ok(Replace::Replaced);
        }
        store.replace(next, expected, change).await
    }
}
