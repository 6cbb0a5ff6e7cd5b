//! `replace` updates every column but `purge_at`: a session in use is collected as if it had been idle.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S10, "replace::a_moved_purge_time_counts_and_the_old_one_does_not"),
    (D2, "decision::the_idle_expiry_is_exact_and_use_moves_it"),
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
        let mut next = next.clone();
        if let Some(old) = store.find(next.selector).await? {
            next.purge_at = old.purge_at;
        }
        store.replace(&next, expected, change).await
    }
}
