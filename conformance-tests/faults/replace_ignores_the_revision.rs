//! `UPDATE … WHERE selector = ?` without the revision: the last writer wins, and every request overwrites
//! every other.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S5, "replace::another_revision_is_a_conflict_and_changes_nothing"),
        (D15, "login::no_change_of_data_is_lost"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let revision = store.find(call.next.selector).await?.map_or(call.expected, |old| old.revision);
    store.replace(ReplaceCall { expected: revision, ..call }).await
}
