//! `find` hides marked records: theft, a logout and a lapse all look like a forged cookie.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_find(find),
    &[
        (S1, "find::what_has_expired_or_was_ended_is_found_all_the_same"),
        (D3, "decision::an_ended_token_says_why"),
        (D8, "decision::a_successor_that_no_client_presented_lapses"),
    ],
);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    Ok(store.find(selector).await?.filter(|record| record.revoked.is_none()))
}
