//! A fenced insert says so, and has stored the record before it looked.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[(S11, "fence::what_was_fenced_left_no_trace")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    if answer == Insert::Fenced {
        let _ = store.insert(record, Fence::None).await?;
    }
    Ok(answer)
}
