//! `replace` deletes, then inserts, as `cycle_id` of tower-sessions does: a client that hangs up in between
//! is logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_replace(replace), &[(S13, "cancel::a_dropped_replace_is_whole_or_nothing")]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let old = store.find(call.next.selector).await?;
    if old.as_ref().is_none_or(|old| old.revision != call.expected || old.revoked.is_some()) {
        return store.replace(call).await;
    }
    store.delete(call.next.selector).await?;
    pause().await;
    let _ = store.insert(call.next, Fence::None).await?;
    Ok(Replace::Replaced)
}
