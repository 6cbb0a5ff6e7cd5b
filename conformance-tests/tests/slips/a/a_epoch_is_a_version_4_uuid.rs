//! PostgreSQL: the epoch is a `uuid`, made with `Builder::from_random_bytes`, which sets version and variant: six of
//! its 128 bits are lost.
//! Breaks S16 and S11: an epoch is opaque; what was set is not what is read, and two that differ there are taken for equal.

use crate::prelude::*;

// A sequence that shows it:
// revoke(u, Set E) with E = [0xff; 16]; epoch(u) answers other bytes than E. Or: epochs E and E' that differ only in
// the upper half of byte 6: set E, set E', insert under E is `Inserted`.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

fn bend(mut epoch: Epoch) -> Epoch {
    epoch.0[6] = epoch.0[6] & 0x0f | 0x40;
    epoch.0[8] = epoch.0[8] & 0x3f | 0x80;
    epoch
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let fence = if let Fence::Epoch(epoch) = fence { Fence::Epoch(bend(epoch)) } else { fence };
        store.insert(record, fence).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let update = match call.update {
            EpochUpdate::Keep => EpochUpdate::Keep,
            EpochUpdate::Set { epoch, now, keep } => EpochUpdate::Set { epoch: bend(epoch), now, keep },
        };
        store.revoke(RevokeCall { update, ..call }).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        store.epoch(EpochCall { fresh: bend(call.fresh), ..call }).await
    }
}
