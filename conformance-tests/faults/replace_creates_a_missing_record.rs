//! `replace` is an upsert, as in actix-session and tower-sessions: a request in flight brings a logged-out
//! session back.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S4, "replace::a_deleted_record_never_comes_back"),
        (S4, "replace::replacing_what_is_not_there_creates_nothing"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    match store.replace(call).await? {
        Replace::Missing => {
            let _ = store.insert(call.next, Fence::None).await?;
            Ok(Replace::Replaced)
        }
        other => Ok(other),
    }
}
