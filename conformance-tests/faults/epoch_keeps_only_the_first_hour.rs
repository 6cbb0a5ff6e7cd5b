//! `keep` is capped at an hour, however long was asked for.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_epoch(epoch), &[(S11, "expiry::no_call_shortens_the_time_of_an_epoch")]);

async fn epoch(store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
    store.epoch(EpochCall { keep: call.keep.min(Duration::from_secs(3_600)), ..call }).await
}
