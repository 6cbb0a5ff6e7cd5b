//! An epoch is collected after half of its time: a slow login is refused though no user logged out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_epoch(epoch), &[(S11, "expiry::an_epoch_is_kept_for_its_time")]);

async fn epoch(store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
    store.epoch(EpochCall { keep: call.keep / 2, ..call }).await
}
