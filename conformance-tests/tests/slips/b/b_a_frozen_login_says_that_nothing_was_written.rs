//! Redis: the script that inserts under an epoch has been sent when the answer times out, and the error is
//! built by the code for reads.
//! Breaks S12: where a write may have happened, the error says so; here the record is there and the error
//! says that nothing was written.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| Shared::served(OnInsert(insert)), &[]);

// epoch(s) → e; freeze; insert(r, Epoch(e)) → Timeout, outcome known; heal; find(r) → Some.
async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if let (Fence::Epoch(_), Some(Fault::Freeze)) = (fence, store.fault()) {
        let _ = store.insert_unanswered(record, fence).await?;
    }
    store.insert(record, fence).await
}
