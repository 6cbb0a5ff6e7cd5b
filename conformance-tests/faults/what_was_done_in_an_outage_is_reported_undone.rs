//! The statement was sent, its answer did not come, and the error says that nothing was written.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| Shared::served(OnInsert(insert)), &[(S12, "outage::cut_connections_are_an_error_and_pass")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await;
    if answer.is_err() {
        let _ = store.insert_unanswered(record, fence).await?;
    }
    answer
}
