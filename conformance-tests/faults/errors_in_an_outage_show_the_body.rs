//! A driver quotes the statement that it could not send, values and all.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Shared::served(OnInsert(insert)),
    &[(S18, "outage::a_stopped_server_is_an_error_and_passes")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let values = String::from_utf8_lossy(record.body.as_bytes()).into_owned();
    let quoted = |error| StoreError::Unavailable(format!("{error}: insert … values ('{values}')").into());
    store.insert(record, fence).await.map_err(quoted)
}
