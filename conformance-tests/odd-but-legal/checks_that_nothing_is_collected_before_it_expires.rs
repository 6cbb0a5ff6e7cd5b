//! A record whose `purge_at` lies before its first expiry is refused (S10: a store may enforce it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        check(record)?;
        store.insert(record, fence).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        check(call.next)?;
        store.replace(call).await
    }
}

/// `CHECK (purge_at >= LEAST(expires_at, idle_at))`
fn check(record: &Record) -> Result<(), StoreError> {
    let first = record.idle_at.map_or(record.expires_at, |idle| idle.min(record.expires_at));
    if record.purge_at < first {
        return Err(StoreError::Refused("it would be collected before it expires".into()));
    }
    Ok(())
}
