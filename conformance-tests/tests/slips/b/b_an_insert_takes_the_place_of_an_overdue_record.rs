//! DynamoDB: its time to live is lazy, so the usual condition of a put is
//! `attribute_not_exists(selector) OR ttl < :created_at`.
//! Breaks S2: a record that is due and not yet collected is overwritten in place of `Duplicate`.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

// insert(r, purge_at 10) → insert(s with the same selector, created_at 20) → Inserted, find shows s.
async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    if answer == Insert::Duplicate
        && store.find(record.selector).await?.is_some_and(|old| old.purge_at < record.created_at)
    {
        store.delete(record.selector).await?;
        return store.insert(record, fence).await;
    }
    Ok(answer)
}
