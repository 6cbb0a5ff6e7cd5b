//! A replace that changes no row is a conflict, whether or not the record is there: core reads and tries
//! again until it gives up.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_replace(replace),
    &[
        (S4, "replace::replacing_what_is_not_there_creates_nothing"),
        (S4, "replace::a_deleted_record_never_comes_back"),
    ],
);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    Ok(match store.replace(call).await? {
        Replace::Missing => Replace::Conflict,
        other => other,
    })
}
