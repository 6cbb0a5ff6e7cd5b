//! A missing idle expiry is stored as 0 and read as 1970.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_find(find),
    &[
        (S1, "insert::what_was_inserted_is_found_byte_for_byte"),
        (D2, "decision::the_absolute_expiry_is_exact_and_needs_no_collector"),
        (D3, "login::a_one_time_token_works_once"),
    ],
);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let found = store.find(selector).await?;
    Ok(found.map(|mut record| {
        record.idle_at.get_or_insert(Timestamp::MIN);
        record
    }))
}
