//! Epochs are kept as 64-bit numbers: another epoch passes for this one.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S11, "fence::the_right_epoch_admits_and_any_other_fences")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let (Fence::Epoch(epoch), Some(subject)) = (fence, &record.subject) else {
        return store.insert(record, fence).await;
    };
    if store.insert(record, fence).await? != Insert::Fenced {
        return Ok(INSERTED);
    }
    let current = store
        .epoch(EpochCall { subject, fresh: Epoch([0; 16]), keep: Duration::ZERO, now: Timestamp::MIN })
        .await?;
    if current.0[..8] != epoch.0[..8] {
        return Ok(Insert::Fenced);
    }
    store.insert(record, Fence::None).await
}
