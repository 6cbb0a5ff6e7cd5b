//! An epoch whose time is over is made anew by the next read, and fences, before any purge came by (S11: it may still
//! serve, and need not).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    line: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Twist for Strange {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        let _alone = self.line.lock().await;
        // A purge of no records collects epochs.
        let _ = store.purge(now, 0).await?;
        store.epoch(subject, fresh, keep, now).await
    }
}
