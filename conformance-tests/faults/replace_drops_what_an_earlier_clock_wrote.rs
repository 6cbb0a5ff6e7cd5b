//! The later time wins, as in Cassandra: a write by a clock that is behind is acknowledged and dropped.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S1, "replace::a_write_by_an_earlier_clock_counts")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let old = store.find(call.next.selector).await?;
    let late = |old: Record| {
        old.revision == call.expected && old.revoked.is_none() && call.next.updated_at < old.updated_at
    };
    if old.is_some_and(late) {
        return Ok(Replace::Replaced);
    }
    store.replace(call).await
}
