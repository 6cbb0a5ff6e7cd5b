//! An epoch is kept far longer than asked for (S11 says "at least").

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_epoch(epoch));

async fn epoch(store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
    store.epoch(EpochCall { keep: call.keep.max(Duration::from_secs(365 * 86_400)), ..call }).await
}
