//! A conflict with a record that is equal but for its write id is taken for a lost answer: two callers spend
//! one token.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S5, "replace::equal_but_for_one_column_is_still_another_caller"),
        (D3, "race_token::a_one_time_token_presented_many_times_at_once_works_once"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    let found = store.find(call.next.selector).await?;
    let alike = |mut found: Record| {
        found.body = call.next.body.clone();
        found == *call.next
    };
    Ok(if answer == Replace::Conflict && found.is_some_and(alike) { Replace::Replaced } else { answer })
}
