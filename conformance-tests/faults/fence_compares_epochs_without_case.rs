//! Epochs are kept as base64 under a collation that ignores case.

use base64ct::{Base64Unpadded, Encoding};

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::epochs_alike_in_base64_are_told_apart")]);

#[derive(Default)]
struct Wrong {
    epochs: Locked<HashMap<Subject, Epoch>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Epoch(epoch) = fence else { return store.insert(record, fence).await };
        let known = record.subject.as_ref().and_then(|of| self.epochs.lock().get(of).copied());
        let alike = known.filter(|known| folded(*known) == folded(epoch));
        store.insert(record, Fence::Epoch(alike.unwrap_or(epoch))).await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let epoch = store.epoch(call).await?;
        self.epochs.lock().insert(call.subject.clone(), epoch);
        Ok(epoch)
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { epoch, .. } = call.update {
            self.epochs.lock().insert(call.subject.clone(), epoch);
        }
        store.revoke(call).await
    }
}

fn folded(epoch: Epoch) -> String {
    Base64Unpadded::encode_string(&epoch.0).to_lowercase()
}
