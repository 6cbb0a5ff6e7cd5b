//! `replace` deletes, then inserts, as `cycle_id` of tower-sessions does: a client that hangs up in between
//! is logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S13, "cancel::a_dropped_replace_is_whole_or_nothing")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let old = store.find(next.selector).await?;
        if old.as_ref().is_none_or(|old| old.revision != expected || old.revoked.is_some()) {
            return store.replace(next, expected, change).await;
        }
        store.delete(next.selector).await?;
        pause().await;
        let _ = store.insert(next, Fence::None).await?;
        Ok(Replace::Replaced)
    }
}
