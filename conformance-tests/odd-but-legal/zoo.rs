//! Every strange but allowed store, a file each.

mod boxed_and_shared;
mod checks_that_nothing_is_collected_before_it_expires;
mod connections_heal_one_by_one;
mod counts_no_records_in_an_insert;
mod keeps_epochs_for_a_year;
mod keeps_tombstones_longer;
mod leaves_collecting_to_a_native_time_to_live;
mod looks_at_the_fence_first;
mod network_of_sixty_milliseconds;
mod purge_always_says_maybe;
mod purges_a_little_and_says_maybe;
mod purges_one_at_a_time;
mod purges_the_latest_first;
mod slow;
mod sometimes_unavailable;
mod spuriously_conflicts_once;
mod sweeps_above_two_thousand;
mod writes_a_journal;
mod yields_at_each_await;

use crate::specimen::{Odd, zoo};

/// In the order of the folder.
pub(crate) const ALL: &[Odd] = zoo![Odd ODD:
    boxed_and_shared,
    checks_that_nothing_is_collected_before_it_expires,
    connections_heal_one_by_one,
    counts_no_records_in_an_insert,
    keeps_epochs_for_a_year,
    keeps_tombstones_longer,
    leaves_collecting_to_a_native_time_to_live,
    looks_at_the_fence_first,
    network_of_sixty_milliseconds,
    purge_always_says_maybe,
    purges_a_little_and_says_maybe,
    purges_one_at_a_time,
    purges_the_latest_first,
    slow,
    sometimes_unavailable,
    spuriously_conflicts_once,
    sweeps_above_two_thousand,
    writes_a_journal,
    yields_at_each_await,
];
