//! An epoch is kept far longer than asked for (S11 says "at least").

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

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
        store.epoch(subject, fresh, keep.max(Duration::from_secs(365 * 86_400)), now).await
    }
}
