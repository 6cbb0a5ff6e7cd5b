//! Every strange but allowed store, a file each.

mod a_native_time_to_live_with_slack;
mod a_revocation_goes_on_after_its_caller;
mod a_revocation_misses_what_is_inserted_meanwhile;
mod acknowledges_touches_early;
mod announces_before_it_acknowledges;
mod announces_everything_twice;
mod announces_nothing;
mod announces_whole_shards;
mod boxed_and_shared;
mod checks_that_nothing_is_collected_before_it_expires;
mod collects_epochs_late;
mod commits_in_groups;
mod conflicts_now_and_then;
mod connections_heal_one_by_one;
mod counts_no_records_in_an_insert;
mod counts_to_a_bound;
mod dropped_writes_land_late;
mod feeds_are_lost_now_and_then;
mod in_an_outage_every_other_write_was_done;
mod keeps_an_audit_trail;
mod keeps_epochs_for_a_year;
mod keeps_epochs_longer_and_leaves_them_alone;
mod keeps_tombstones_longer;
mod leaves_collecting_to_a_native_time_to_live;
mod looks_at_the_fence_first;
mod makes_an_epoch_anew_when_its_time_is_over;
mod network_of_sixty_milliseconds;
mod network_of_up_to_two_hundred_milliseconds;
mod one_lock_for_all;
mod prolongs_an_epoch_at_every_read;
mod proves_the_turn_before;
mod purge_always_says_maybe;
mod purges_a_little_and_says_maybe;
mod purges_a_partition_at_a_time;
mod purges_around_what_a_dropped_call_holds;
mod purges_one_at_a_time;
mod purges_the_latest_first;
mod refuses_names_that_it_could_confuse;
mod replaces_only_what_may_change;
mod routes_by_shard;
mod slow;
mod sometimes_unavailable;
mod spuriously_conflicts_once;
mod sweeps_above_two_thousand;
mod takes_equal_bytes_for_its_own_write;
mod takes_seconds_to_fail;
mod trims_announcements_at_each_purge;
mod turns_fail_now_and_then;
mod turns_take_their_time;
mod writes_a_journal;
mod yields_at_each_await;

use crate::specimen::{Odd, zoo};

/// In the order of the folder.
pub(crate) const ALL: &[Odd] = zoo![Odd ODD:
    a_native_time_to_live_with_slack,
    a_revocation_goes_on_after_its_caller,
    a_revocation_misses_what_is_inserted_meanwhile,
    acknowledges_touches_early,
    announces_before_it_acknowledges,
    announces_everything_twice,
    announces_nothing,
    announces_whole_shards,
    boxed_and_shared,
    checks_that_nothing_is_collected_before_it_expires,
    collects_epochs_late,
    commits_in_groups,
    conflicts_now_and_then,
    connections_heal_one_by_one,
    counts_no_records_in_an_insert,
    counts_to_a_bound,
    dropped_writes_land_late,
    feeds_are_lost_now_and_then,
    in_an_outage_every_other_write_was_done,
    keeps_an_audit_trail,
    keeps_epochs_for_a_year,
    keeps_epochs_longer_and_leaves_them_alone,
    keeps_tombstones_longer,
    leaves_collecting_to_a_native_time_to_live,
    looks_at_the_fence_first,
    makes_an_epoch_anew_when_its_time_is_over,
    network_of_sixty_milliseconds,
    network_of_up_to_two_hundred_milliseconds,
    one_lock_for_all,
    prolongs_an_epoch_at_every_read,
    proves_the_turn_before,
    purge_always_says_maybe,
    purges_a_little_and_says_maybe,
    purges_a_partition_at_a_time,
    purges_around_what_a_dropped_call_holds,
    purges_one_at_a_time,
    purges_the_latest_first,
    refuses_names_that_it_could_confuse,
    replaces_only_what_may_change,
    routes_by_shard,
    slow,
    sometimes_unavailable,
    spuriously_conflicts_once,
    sweeps_above_two_thousand,
    takes_equal_bytes_for_its_own_write,
    takes_seconds_to_fail,
    trims_announcements_at_each_purge,
    turns_fail_now_and_then,
    turns_take_their_time,
    writes_a_journal,
    yields_at_each_await,
];
