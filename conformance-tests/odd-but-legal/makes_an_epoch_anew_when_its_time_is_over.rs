//! An epoch whose time is over is made anew by the next read, and fences, before any purge came by (S11: it may still
//! serve, and need not).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    line: tokio::sync::Mutex<()>,
    times: Times,
}

impl Twist for Strange {
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let _line = self.line.lock().await;
        let over = self.times.get(call.subject).is_some_and(|(until, _)| until <= call.now);
        self.times.asked(call);
        if over {
            store.set_epoch(call.subject, call.as_update()).await?;
            return Ok(call.fresh);
        }
        store.epoch(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let _line = self.line.lock().await;
        self.times.revoked(call);
        store.revoke(call).await
    }
}
