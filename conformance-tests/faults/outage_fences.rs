//! When the epoch or the parent cannot be read, the insert is fenced: an outage reads "log in again".

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Shared::served(OnInsert(insert)),
    &[(S12, "outage::a_stopped_server_is_an_error_and_passes")],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    match store.insert(record, fence).await {
        Err(_) if fence != Fence::None => Ok(Insert::Fenced),
        answer => answer,
    }
}
