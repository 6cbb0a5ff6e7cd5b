//! Every strange but allowed store, a file each.

mod boxed_and_shared;
mod keeps_epochs_for_a_year;
mod keeps_tombstones_longer;
mod leaves_collecting_to_a_native_time_to_live;
mod looks_at_the_fence_first;
mod purges_a_little_and_says_maybe;
mod purges_around_what_a_dropped_call_holds;
mod purges_the_latest_first;
mod slow;
mod sometimes_unavailable;
mod spuriously_conflicts_once;
mod writes_a_journal;
mod yields_at_each_await;

use crate::specimen::{Odd, zoo};

/// In the order of the folder.
pub(crate) const ALL: &[Odd] = zoo![Odd ODD:
    boxed_and_shared,
    keeps_epochs_for_a_year,
    keeps_tombstones_longer,
    leaves_collecting_to_a_native_time_to_live,
    looks_at_the_fence_first,
    purges_a_little_and_says_maybe,
    purges_around_what_a_dropped_call_holds,
    purges_the_latest_first,
    slow,
    sometimes_unavailable,
    spuriously_conflicts_once,
    writes_a_journal,
    yields_at_each_await,
];
