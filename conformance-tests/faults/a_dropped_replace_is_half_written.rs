//! `replace` writes its columns, then its body: a client that hangs up in between leaves half of each.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S13, "cancel::a_dropped_replace_is_whole_or_nothing"),
        (S6, "race::a_reader_never_sees_a_record_torn_or_going_back"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let Some(old) = store.find(call.next.selector).await? else { return Ok(Replace::Missing) };
    let half = Record { body: old.body, ..call.next.clone() };
    let answer = store.replace(ReplaceCall { next: &half, ..call }).await?;
    pause().await;
    if answer == Replace::Replaced && store.find(call.next.selector).await? == Some(half) {
        store.force(call.next).await?;
    }
    Ok(answer)
}
