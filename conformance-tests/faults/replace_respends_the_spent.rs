//! `replace` lets a caller that read a single-use token before it was spent use it again.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S4, "replace::a_spent_record_conflicts_with_every_replace")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let old = store.find(call.next.selector).await?;
    if old.is_some_and(|old| old.revision == call.expected && old.revoked == Some(Reason::Spent)) {
        store.force(call.next).await?;
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
