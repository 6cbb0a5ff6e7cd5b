//! MySQL: the epoch is a CHAR(16) in latin1 with its default collation, latin1_swedish_ci: it comes back as it was
//! stored, and a fence compares it in upper and lower case alike.
//! Breaks S11: an epoch is opaque and compared for equality.

use crate::prelude::*;

// A sequence that shows it:
// revoke(u, Set E) with E = b"aaaaaaaaaaaaaaaa"; revoke(u, Set E2) with E2 = b"AAAAAAAAAAAAAAAA"; insert under E:
// `Inserted` instead of `Fenced`.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    stored: Locked<HashMap<(Subject, Epoch), Epoch>>,
}

fn fold(epoch: Epoch) -> Epoch {
    Epoch(epoch.0.map(|byte| byte.to_ascii_lowercase()))
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let fence = if let Fence::Epoch(epoch) = fence { Fence::Epoch(fold(epoch)) } else { fence };
        store.insert(record, fence).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let mut folded = call.update;
        if let EpochUpdate::Set { epoch, .. } = &mut folded {
            self.stored.lock().insert((call.subject.clone(), fold(*epoch)), *epoch);
            *epoch = fold(*epoch);
        }
        store.revoke(RevokeCall { update: folded, ..call }).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let epoch = store.epoch(EpochCall { fresh: fold(call.fresh), ..call }).await?;
        let as_given = if epoch == fold(call.fresh) { call.fresh } else { epoch };
        Ok(*self.stored.lock().entry((call.subject.clone(), epoch)).or_insert(as_given))
    }
}
