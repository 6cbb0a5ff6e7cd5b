//! No row was updated, so `replace` says that none is there: an honest client is logged out by its other tab.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S5, "replace::another_revision_is_a_conflict_and_changes_nothing")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    Ok(match store.replace(call).await? {
        Replace::Conflict => Replace::Missing,
        other => other,
    })
}
