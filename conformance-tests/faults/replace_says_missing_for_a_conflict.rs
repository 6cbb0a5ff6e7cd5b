//! No row was updated, so `replace` says that none is there: an honest client is logged out by its other tab.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S5, "replace::another_revision_is_a_conflict_and_changes_nothing")]);

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
        Ok(match store.replace(next, expected, change).await? {
            Replace::Conflict => Replace::Missing,
            other => other,
        })
    }
}
