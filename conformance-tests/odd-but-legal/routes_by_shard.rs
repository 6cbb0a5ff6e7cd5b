//! A partition for each shard: a record outside the shard of its subject is refused (S2), and so is a parent
//! of another shard (S11 admits only those of the same).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_insert(insert));

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let stray =
        record.subject.as_ref().is_some_and(|subject| !record.selector.0.starts_with(&subject.shard()));
    let far = matches!(fence, Fence::Parent(parent) if parent.0[..2] != record.selector.0[..2]);
    if stray || far {
        return Err(StoreError::Refused("it belongs to another partition".into()));
    }
    store.insert(record, fence).await
}
