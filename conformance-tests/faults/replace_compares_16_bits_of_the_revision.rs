//! The revision is compared as a number of 16 bits.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S5, "replace::high_revisions_are_counted_exactly")]);

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
        let revision = store.find(next.selector).await?.map(|old| old.revision);
        let alike = revision.filter(|revision| revision.get() % 65_536 == expected.get() % 65_536);
        store.replace(next, alike.unwrap_or(expected), change).await
    }
}
