//! An insert looks at the parent, then writes: a session restored while its remember token is revoked slips
//! in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[
        (S11, "interleaved::no_session_is_restored_behind_its_parents_end"),
        (S11, "stream::no_session_is_restored_through_the_end_of_its_login"),
    ],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let Fence::Parent(_) = fence else { return store.insert(record, fence).await };
    if !store.admits(record, fence).await? {
        return Ok(Insert::Fenced);
    }
    pause().await;
    store.insert(record, Fence::None).await
}
