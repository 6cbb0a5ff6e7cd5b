//! An insert ignores its epoch: session-guard lets a login that races "log out everywhere" survive.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_insert(insert),
    &[
        (S11, "fence::the_right_epoch_admits_and_any_other_fences"),
        (S11, "login::a_log_out_everywhere_turns_away_the_login_under_way"),
    ],
);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let fence = if let Fence::Epoch(_) = fence { Fence::None } else { fence };
    store.insert(record, fence).await
}
