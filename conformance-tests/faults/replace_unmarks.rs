//! `replace` compares the revision and not the mark: a caller that read the record after a logout everywhere
//! can undo it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S4, "replace::a_marked_record_conflicts_with_every_replace")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let old = store.find(call.next.selector).await?;
    if old.is_some_and(|old| {
        old.revision == call.expected && old.revoked.is_some_and(|reason| reason != Reason::Spent)
    }) {
        store.force(call.next).await?;
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
