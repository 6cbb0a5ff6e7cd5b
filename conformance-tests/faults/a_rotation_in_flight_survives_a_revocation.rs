//! A rotation read the record before "log out everywhere" and writes it back after, as every `save` that is
//! an upsert does.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S4, "interleaved::no_replace_saves_what_is_being_removed"),
        (S4, "race_subject::no_flood_of_writes_saves_what_is_removed"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let answer = store.replace(call).await?;
    pause().await;
    if answer == Replace::Replaced && store.find(call.next.selector).await?.is_none() {
        store.force(call.next).await?;
    }
    Ok(answer)
}
