//! A revocation ends what it has seen a moment before, in one step: a session that is restored in between from the token
//! that it ends stays.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S11, "interleaved::no_session_is_restored_behind_its_parents_end")]);

#[derive(Default)]
struct Wrong {
    /// Held for writing while the records end.
    gate: tokio::sync::RwLock<()>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let _held = self.gate.read().await;
        store.insert(record, fence).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let seen: HashSet<_> = store.meant(call).await?.iter().map(|record| record.selector).collect();
        pause().await;
        let _alone = self.gate.write().await;
        let mut new = store.meant(call).await?;
        new.retain(|record| !seen.contains(&record.selector));
        let misses = call.update == EpochUpdate::Keep;
        store.revoke_but(if misses { &new } else { &[] }, call).await
    }
}
