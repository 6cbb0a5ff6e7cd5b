//! The largest revision is its own next one: two replaces of it both win.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S5, "replace::the_largest_revision_is_the_last")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let last = store.find(call.next.selector).await?.filter(|old| old.revision == Revision::MAX);
    if call.expected == Revision::MAX && last.is_some_and(|old| old.revoked.is_none()) {
        store.force(call.next).await?;
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
