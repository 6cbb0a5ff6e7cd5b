//! DynamoDB: the condition of the put is `attribute_not_exists(selector) OR attribute_exists(revoked)`, as a
//! dead row does no harm.
//! Breaks S2: a selector that exists is a `Duplicate`, also of a marked record: the insert un-marks it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

// insert(r) → revoke(all, Mark) → insert(r) → Inserted; find shows r alive.
async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    if answer == Insert::Duplicate
        && store.find(record.selector).await?.is_some_and(|old| old.revoked.is_some())
    {
        store.delete(record.selector).await?;
        return store.insert(record, fence).await;
    }
    Ok(answer)
}
