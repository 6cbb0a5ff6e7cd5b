//! `insert` writes an empty row, then fills it: a client that hangs up in between leaves a record that does
//! not decode.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S13, "cancel::a_dropped_insert_is_whole_or_nothing")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let mut empty = record.clone();
    empty.body = Body::new(Vec::new()).unwrap_or(empty.body);
    let answer = store.insert(&empty, fence).await?;
    pause().await;
    if answer.is_inserted() {
        store.force(record).await?;
    }
    Ok(answer)
}
