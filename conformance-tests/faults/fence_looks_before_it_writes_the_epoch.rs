//! An insert looks at the epoch, then writes (a plain `EXISTS`): a login that began before "log out
//! everywhere" slips in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[
        (S11, "interleaved::no_login_slips_in_behind_an_epoch_update"),
        (S11, "stream::no_login_slips_in_through_a_log_out_everywhere"),
        (S6, "history::each_subject_is_linearizable"),
    ],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let Fence::Epoch(_) = fence else { return store.insert(record, fence).await };
    if !store.admits(record, fence).await? {
        return Ok(Insert::Fenced);
    }
    pause().await;
    store.insert(record, Fence::None).await
}
