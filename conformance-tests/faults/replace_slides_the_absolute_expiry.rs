//! Each write moves the absolute expiry on, as a cache does that knows one time to live: use extends a login
//! for ever.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S1, "replace::what_was_replaced_is_found_byte_for_byte"),
    (D11, "rotation::rotating_moves_no_absolute_expiry"),
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
            next.expires_at = next.expires_at.saturating_add(next.updated_at.since(old.updated_at));
        }
        store.replace(&next, expected, change).await
    }
}
