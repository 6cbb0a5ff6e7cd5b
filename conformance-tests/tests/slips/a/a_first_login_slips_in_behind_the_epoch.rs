//! The epoch is checked and the row inserted under `SELECT … FOR UPDATE` of the subject's rows. A subject that has no
//! row yet gives nothing to lock.
//! Breaks S11: the check and the insert are one step; S8: none slipped in by a fenced insert that raced.

use crate::prelude::*;

// A sequence that shows it:
// u has an epoch E and no record. At once: insert A under E, revoke(u, all, Set E2). The revocation answers 0, a find
// of A gives None, and A turns up later under the dead epoch. With another record of u all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if let (Fence::Epoch(_), Some(subject)) = (fence, &record.subject)
        && store.all(subject).await?.is_empty()
        && store.find(record.selector).await?.is_none()
    {
        if !store.admits(record, fence).await? {
            return Ok(Insert::Fenced);
        }
        pause().await;
        return store.insert(record, Fence::None).await;
    }
    store.insert(record, fence).await
}
