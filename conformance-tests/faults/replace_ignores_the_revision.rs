//! `UPDATE … WHERE selector = ?` without the revision: the last writer wins, and every request overwrites
//! every other.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S5, "replace::another_revision_is_a_conflict_and_changes_nothing"),
    (D15, "login::no_change_of_data_is_lost"),
]);

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
        let revision = store.find(next.selector).await?.map_or(expected, |old| old.revision);
        store.replace(next, revision, change).await
    }
}
