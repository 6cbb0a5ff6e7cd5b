//! Each read of an epoch prolongs it, also where half of its time is left, and each is a write (S11: a read may leave
//! its time alone, and need not).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    line: tokio::sync::Mutex<()>,
}

impl Twist for Strange {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let _writes = self.line.lock().await;
        give_way().await;
        store.epoch(call).await
    }
}
