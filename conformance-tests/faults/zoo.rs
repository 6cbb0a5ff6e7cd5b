//! Every wrong store, a file each.
//!
//! A further one is a file that changes one method of the reference store and names the case that must
//! catch it, its two lines here, and `HALLPASS_UPDATE=1` for the table in the README.

mod a_damaged_row_fails_the_list;
mod a_damaged_row_is_left_out_of_the_list;
mod a_damaged_row_saves_the_others;
mod a_delete_is_not_announced;
mod a_dropped_delete_leaves_its_index_entry;
mod a_dropped_insert_is_half_written;
mod a_dropped_mark_is_half_written;
mod a_dropped_purge_loses_index_entries;
mod a_dropped_read_keeps_its_connection;
mod a_dropped_replace_is_half_written;
mod a_dropped_replace_loses_the_record;
mod a_dropped_turn_spoils_its_connection;
mod a_feed_hears_its_own_handle_only;
mod a_feed_hears_one_namespace_only;
mod a_large_revocation_names_its_first_hundred;
mod a_mark_is_not_announced;
mod a_native_time_to_live_has_no_slack;
mod a_purge_removes_unread_announcements;
mod a_purge_takes_the_children_of_what_is_due;
mod a_record_under_a_parent_is_never_due;
mod a_removal_is_not_announced;
mod a_restart_forgets_what_is_due;
mod a_restart_of_the_server_forgets_the_epochs;
mod a_restart_of_the_server_forgets_the_marks;
mod a_revocation_misses_a_child_inserted_meanwhile;
mod a_rotation_in_flight_survives_a_revocation;
mod a_second_handle_reads_stale;
mod a_sweep_announces_its_first_pages;
mod a_sweep_sets_its_epoch_last;
mod a_sweep_spares_what_was_replaced_meanwhile;
mod an_announcement_fails_in_silence;
mod an_ending_replace_is_not_announced;
mod announces_after_it_acknowledges;
mod announces_before_it_ends;
mod debug_shows_the_body;
mod delete_always_says_it_was_there;
mod delete_is_a_no_op;
mod delete_is_not_atomic;
mod delete_leaves_a_tombstone;
mod delete_matches_by_prefix;
mod delete_of_nothing_is_an_error;
mod delete_uses_its_own_clock;
mod deleting_a_parent_takes_its_children;
mod epoch_is_kept_too_short;
mod epoch_is_not_atomic;
mod epoch_is_not_kept_longer;
mod epoch_is_shared_by_all_subjects;
mod epoch_keeps_only_the_first_hour;
mod epoch_overwrites;
mod epoch_update_ends_nothing;
mod epoch_update_is_forgotten;
mod epoch_update_without_being_asked;
mod epochs_are_counted;
mod epochs_are_lost_at_a_restart;
mod epochs_of_long_subjects_are_shared;
mod errors_in_an_outage_show_the_body;
mod errors_show_the_body;
mod feed_answers_from_the_round_before;
mod feed_bears_one_purge_too_many;
mod feed_connects_again_in_silence;
mod feed_continues_after_the_largest_number;
mod feed_forgets_the_transactions_in_progress;
mod feed_ignores_a_restart;
mod feed_loses_what_a_failed_turn_had_read;
mod feed_opens_among_writes_that_do_not_know_it;
mod feed_opens_before_it_listens;
mod feed_proves_before_it_reports;
mod feed_reports_each_selector_once;
mod feed_takes_busy_for_an_answer;
mod feed_takes_silence_for_proof;
mod feeds_share_one_queue;
mod fence_admits_a_marked_parent;
mod fence_admits_a_missing_epoch;
mod fence_admits_the_anonymous;
mod fence_compares_epochs_without_case;
mod fence_compares_half_of_the_epoch;
mod fence_ignores_the_epoch;
mod fence_ignores_the_parent;
mod fence_judges_the_parents_expiry;
mod fence_knows_no_anonymous_parent;
mod fence_leaves_a_trace;
mod fence_looks_before_it_writes_the_epoch;
mod fence_looks_before_it_writes_the_parent;
mod fence_remembers_its_parent;
mod fence_wants_a_parent_of_the_same_subject;
mod find_hides_the_ended;
mod find_ignores_case;
mod find_matches_by_prefix;
mod find_of_nothing_is_an_error;
mod find_reads_a_replica_that_lags;
mod find_slides_the_expiry;
mod find_uses_its_own_clock;
mod has_no_announcer_and_says_nothing;
mod insert_counts_before_it_inserts;
mod insert_counts_the_living_only;
mod insert_does_nothing_and_says_inserted;
mod insert_indexes_a_duplicate;
mod insert_is_not_atomic;
mod insert_overwrites;
mod insert_takes_over_the_dead;
mod kinds_are_cut;
mod kinds_beyond_the_eighth_are_forgotten;
mod list_begins_with_the_last_of_the_page_before;
mod list_filters_after_the_limit;
mod list_hides_the_ended;
mod list_hides_the_replaced;
mod list_ignores_the_purpose;
mod list_is_indexed_late;
mod list_is_oldest_first;
mod list_looks_up_the_record_it_comes_after;
mod list_matches_a_prefix;
mod list_pages_by_time_alone;
mod list_shows_the_dead;
mod list_shows_twice_what_is_named_twice;
mod list_stops_at_a_megabyte;
mod list_stops_at_a_thousand;
mod list_uses_its_own_clock;
mod lists_never_recover;
mod logins_are_signed_numbers;
mod long_notes_are_refused;
mod long_subjects_are_cut;
mod mark_counts_beyond_the_largest_revision;
mod mark_forgets_to_stay;
mod mark_keeps_the_revision;
mod mark_marks_again;
mod mark_prints_the_revision_with_fourteen_digits;
mod mark_removes;
mod mark_turns_time_back;
mod memory_only;
mod namespaces_and_subjects_run_together;
mod namespaces_are_cut_at_63;
mod namespaces_ignore_case;
mod namespaces_leak;
mod namespaces_share_their_epochs;
mod no_idle_expiry_becomes_an_absolute_one;
mod nul_ends_the_body;
mod outage_fences;
mod outage_is_reported_as_nothing_found;
mod outage_is_reported_as_success;
mod outage_is_waited_out;
mod outage_never_ends;
mod purge_always_says_maybe_and_removes_nothing;
mod purge_crosses_namespaces;
mod purge_does_not_count;
mod purge_goes_by_the_expiry;
mod purge_ignores_the_limit;
mod purge_is_early_by_a_millisecond;
mod purge_is_not_atomic;
mod purge_leaves_a_tombstone;
mod purge_leaves_the_marked;
mod purge_misses_the_instant;
mod purge_of_nothing_says_that_nothing_is_left;
mod purge_removes_the_spent;
mod purge_says_that_nothing_is_left;
mod purge_spends_its_limit_on_stale_entries;
mod purge_stops_at_a_thousand;
mod purge_takes_zero_for_no_limit;
mod purge_uses_its_own_clock;
mod replace_adds_an_index_entry;
mod replace_compares_16_bits_of_the_revision;
mod replace_conflicts_with_what_is_gone;
mod replace_creates_a_missing_record;
mod replace_drops_what_an_earlier_clock_wrote;
mod replace_forgets_the_device;
mod replace_forgets_the_era;
mod replace_forgets_the_purge_time;
mod replace_forgets_when_it_was_seen;
mod replace_ignores_the_revision;
mod replace_is_not_atomic;
mod replace_is_sent_twice;
mod replace_keeps_the_old_body;
mod replace_respends_the_spent;
mod replace_says_missing_for_a_conflict;
mod replace_slides_the_absolute_expiry;
mod replace_takes_an_idle_expiry_of_zero_for_none;
mod replace_takes_its_like_for_a_resend;
mod replace_unmarks;
mod replace_uses_its_own_clock;
mod replace_wins_twice_at_the_largest_revision;
mod revocations_never_recover;
mod revoke_compares_and_swaps;
mod revoke_counts_before_it_ends;
mod revoke_counts_twice_what_is_named_twice;
mod revoke_counts_what_was_ended_before;
mod revoke_ends_before_it_updates_the_epoch;
mod revoke_fails_beyond_eight_thousand;
mod revoke_hits_a_subject_whose_name_is_a_prefix;
mod revoke_ignores_the_kind;
mod revoke_ignores_the_login;
mod revoke_ignores_the_purpose;
mod revoke_misses_the_newest;
mod revoke_of_nothing_is_an_error;
mod revoke_stops_at_a_megabyte;
mod revoke_stops_at_a_thousand;
mod revoke_stops_at_ten_thousand;
mod revoke_takes_a_subject_named_null_for_the_anonymous;
mod revoke_takes_except_for_only;
mod selectors_are_unique_per_subject;
mod setting_an_epoch_does_not_lengthen_its_time;
mod setting_an_epoch_shortens_its_time;
mod subjects_are_normalised;
mod subjects_are_trimmed;
mod subjects_ignore_case;
mod superseded_is_kept_as_a_logout;
mod the_body_is_text;
mod the_device_is_cut_at_255;
mod the_generation_is_a_byte;
mod the_largest_record_is_cut;
mod the_last_write_is_lost_in_a_kill;
mod the_purpose_is_guessed_from_the_kind;
mod times_are_kept_in_seconds;
mod times_end_in_2038;
mod touches_wait_for_a_write;
mod what_was_done_in_an_outage_is_reported_undone;

use crate::specimen::{Bug, zoo};

/// In the order of the folder.
pub(crate) const ALL: &[Bug] = zoo![Bug BUG:
    a_damaged_row_fails_the_list,
    a_damaged_row_is_left_out_of_the_list,
    a_damaged_row_saves_the_others,
    a_delete_is_not_announced,
    a_dropped_delete_leaves_its_index_entry,
    a_dropped_insert_is_half_written,
    a_dropped_mark_is_half_written,
    a_dropped_purge_loses_index_entries,
    a_dropped_read_keeps_its_connection,
    a_dropped_replace_is_half_written,
    a_dropped_replace_loses_the_record,
    a_dropped_turn_spoils_its_connection,
    a_feed_hears_its_own_handle_only,
    a_feed_hears_one_namespace_only,
    a_large_revocation_names_its_first_hundred,
    a_mark_is_not_announced,
    a_native_time_to_live_has_no_slack,
    a_purge_removes_unread_announcements,
    a_purge_takes_the_children_of_what_is_due,
    a_record_under_a_parent_is_never_due,
    a_removal_is_not_announced,
    a_restart_forgets_what_is_due,
    a_restart_of_the_server_forgets_the_epochs,
    a_restart_of_the_server_forgets_the_marks,
    a_revocation_misses_a_child_inserted_meanwhile,
    a_rotation_in_flight_survives_a_revocation,
    a_second_handle_reads_stale,
    a_sweep_announces_its_first_pages,
    a_sweep_sets_its_epoch_last,
    a_sweep_spares_what_was_replaced_meanwhile,
    an_announcement_fails_in_silence,
    an_ending_replace_is_not_announced,
    announces_after_it_acknowledges,
    announces_before_it_ends,
    debug_shows_the_body,
    delete_always_says_it_was_there,
    delete_is_a_no_op,
    delete_is_not_atomic,
    delete_leaves_a_tombstone,
    delete_matches_by_prefix,
    delete_of_nothing_is_an_error,
    delete_uses_its_own_clock,
    deleting_a_parent_takes_its_children,
    epoch_is_kept_too_short,
    epoch_is_not_atomic,
    epoch_is_not_kept_longer,
    epoch_is_shared_by_all_subjects,
    epoch_keeps_only_the_first_hour,
    epoch_overwrites,
    epoch_update_ends_nothing,
    epoch_update_is_forgotten,
    epoch_update_without_being_asked,
    epochs_are_counted,
    epochs_are_lost_at_a_restart,
    epochs_of_long_subjects_are_shared,
    errors_in_an_outage_show_the_body,
    errors_show_the_body,
    feed_answers_from_the_round_before,
    feed_bears_one_purge_too_many,
    feed_connects_again_in_silence,
    feed_continues_after_the_largest_number,
    feed_forgets_the_transactions_in_progress,
    feed_ignores_a_restart,
    feed_loses_what_a_failed_turn_had_read,
    feed_opens_among_writes_that_do_not_know_it,
    feed_opens_before_it_listens,
    feed_proves_before_it_reports,
    feed_reports_each_selector_once,
    feed_takes_busy_for_an_answer,
    feed_takes_silence_for_proof,
    feeds_share_one_queue,
    fence_admits_a_marked_parent,
    fence_admits_a_missing_epoch,
    fence_admits_the_anonymous,
    fence_compares_epochs_without_case,
    fence_compares_half_of_the_epoch,
    fence_ignores_the_epoch,
    fence_ignores_the_parent,
    fence_judges_the_parents_expiry,
    fence_knows_no_anonymous_parent,
    fence_leaves_a_trace,
    fence_looks_before_it_writes_the_epoch,
    fence_looks_before_it_writes_the_parent,
    fence_remembers_its_parent,
    fence_wants_a_parent_of_the_same_subject,
    find_hides_the_ended,
    find_ignores_case,
    find_matches_by_prefix,
    find_of_nothing_is_an_error,
    find_reads_a_replica_that_lags,
    find_slides_the_expiry,
    find_uses_its_own_clock,
    has_no_announcer_and_says_nothing,
    insert_counts_before_it_inserts,
    insert_counts_the_living_only,
    insert_does_nothing_and_says_inserted,
    insert_indexes_a_duplicate,
    insert_is_not_atomic,
    insert_overwrites,
    insert_takes_over_the_dead,
    kinds_are_cut,
    kinds_beyond_the_eighth_are_forgotten,
    list_begins_with_the_last_of_the_page_before,
    list_filters_after_the_limit,
    list_hides_the_ended,
    list_hides_the_replaced,
    list_ignores_the_purpose,
    list_is_indexed_late,
    list_is_oldest_first,
    list_looks_up_the_record_it_comes_after,
    list_matches_a_prefix,
    list_pages_by_time_alone,
    list_shows_the_dead,
    list_shows_twice_what_is_named_twice,
    list_stops_at_a_megabyte,
    list_stops_at_a_thousand,
    list_uses_its_own_clock,
    lists_never_recover,
    logins_are_signed_numbers,
    long_notes_are_refused,
    long_subjects_are_cut,
    mark_counts_beyond_the_largest_revision,
    mark_forgets_to_stay,
    mark_keeps_the_revision,
    mark_marks_again,
    mark_prints_the_revision_with_fourteen_digits,
    mark_removes,
    mark_turns_time_back,
    memory_only,
    namespaces_and_subjects_run_together,
    namespaces_are_cut_at_63,
    namespaces_ignore_case,
    namespaces_leak,
    namespaces_share_their_epochs,
    no_idle_expiry_becomes_an_absolute_one,
    nul_ends_the_body,
    outage_fences,
    outage_is_reported_as_nothing_found,
    outage_is_reported_as_success,
    outage_is_waited_out,
    outage_never_ends,
    purge_always_says_maybe_and_removes_nothing,
    purge_crosses_namespaces,
    purge_does_not_count,
    purge_goes_by_the_expiry,
    purge_ignores_the_limit,
    purge_is_early_by_a_millisecond,
    purge_is_not_atomic,
    purge_leaves_a_tombstone,
    purge_leaves_the_marked,
    purge_misses_the_instant,
    purge_of_nothing_says_that_nothing_is_left,
    purge_removes_the_spent,
    purge_says_that_nothing_is_left,
    purge_spends_its_limit_on_stale_entries,
    purge_stops_at_a_thousand,
    purge_takes_zero_for_no_limit,
    purge_uses_its_own_clock,
    replace_adds_an_index_entry,
    replace_compares_16_bits_of_the_revision,
    replace_conflicts_with_what_is_gone,
    replace_creates_a_missing_record,
    replace_drops_what_an_earlier_clock_wrote,
    replace_forgets_the_device,
    replace_forgets_the_era,
    replace_forgets_the_purge_time,
    replace_forgets_when_it_was_seen,
    replace_ignores_the_revision,
    replace_is_not_atomic,
    replace_is_sent_twice,
    replace_keeps_the_old_body,
    replace_respends_the_spent,
    replace_says_missing_for_a_conflict,
    replace_slides_the_absolute_expiry,
    replace_takes_an_idle_expiry_of_zero_for_none,
    replace_takes_its_like_for_a_resend,
    replace_unmarks,
    replace_uses_its_own_clock,
    replace_wins_twice_at_the_largest_revision,
    revocations_never_recover,
    revoke_compares_and_swaps,
    revoke_counts_before_it_ends,
    revoke_counts_twice_what_is_named_twice,
    revoke_counts_what_was_ended_before,
    revoke_ends_before_it_updates_the_epoch,
    revoke_fails_beyond_eight_thousand,
    revoke_hits_a_subject_whose_name_is_a_prefix,
    revoke_ignores_the_kind,
    revoke_ignores_the_login,
    revoke_ignores_the_purpose,
    revoke_misses_the_newest,
    revoke_of_nothing_is_an_error,
    revoke_stops_at_a_megabyte,
    revoke_stops_at_a_thousand,
    revoke_stops_at_ten_thousand,
    revoke_takes_a_subject_named_null_for_the_anonymous,
    revoke_takes_except_for_only,
    selectors_are_unique_per_subject,
    setting_an_epoch_does_not_lengthen_its_time,
    setting_an_epoch_shortens_its_time,
    subjects_are_normalised,
    subjects_are_trimmed,
    subjects_ignore_case,
    superseded_is_kept_as_a_logout,
    the_body_is_text,
    the_device_is_cut_at_255,
    the_generation_is_a_byte,
    the_largest_record_is_cut,
    the_last_write_is_lost_in_a_kill,
    the_purpose_is_guessed_from_the_kind,
    times_are_kept_in_seconds,
    times_end_in_2038,
    touches_wait_for_a_write,
    what_was_done_in_an_outage_is_reported_undone,
];
