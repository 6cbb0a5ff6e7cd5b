//! The revision is compared as a number of 16 bits.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S5, "replace::high_revisions_are_counted_exactly")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let revision = store.find(call.next.selector).await?.map(|old| old.revision);
    let alike = revision.filter(|revision| revision.get() % 65_536 == call.expected.get() % 65_536);
    store.replace(ReplaceCall { expected: alike.unwrap_or(call.expected), ..call }).await
}
