//! The largest revision is its own next one: two replaces of it both win.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S5, "replace::the_largest_revision_is_the_last")]);

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
        let last = store.find(next.selector).await?.filter(|old| old.revision == Revision::MAX);
        if expected == Revision::MAX && last.is_some_and(|old| old.revoked.is_none()) {
            store.force(next).await?;
            return Ok(Replace::Replaced);
        }
        store.replace(next, expected, change).await
    }
}
