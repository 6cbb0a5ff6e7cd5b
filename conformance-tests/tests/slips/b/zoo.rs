//! Every slip, a file each.

use crate::specimen::{Bug, zoo};

mod b_a_contended_delete_is_tried_twice;
mod b_a_crash_undoes_an_epoch_set_over_nothing;
mod b_a_crash_undoes_an_update_without_a_rotation;
mod b_a_crash_undoes_the_end_of_an_anonymous_session;
mod b_a_crash_undoes_the_removal_of_everything;
mod b_a_damaged_row_loses_its_place;
mod b_a_dropped_restore_is_not_indexed;
mod b_a_duplicate_is_counted;
mod b_a_frozen_login_says_that_nothing_was_written;
mod b_a_full_transaction_leaves_the_last_record;
mod b_a_generation_is_a_signed_number_once_rotated;
mod b_a_key_for_removal_ends_at_its_first_zero;
mod b_a_kind_is_the_beginning_of_another;
mod b_a_kind_runs_into_its_subject;
mod b_a_large_body_is_written_in_two_chunks;
mod b_a_longer_keep_waits_for_half_of_the_shorter;
mod b_a_mark_rounds_a_large_revision;
mod b_a_marked_record_stays_in_its_nodes_cache;
mod b_a_page_ends_at_one_megabyte;
mod b_a_page_of_no_purpose_shows_all;
mod b_a_parent_is_looked_for_in_the_childs_subject;
mod b_a_parent_is_marked_behind_the_check;
mod b_a_parent_of_another_namespace_holds;
mod b_a_record_spent_by_replace_is_collected_at_its_idle_time;
mod b_a_restart_forgets_the_script_that_marks;
mod b_a_revocation_reads_one_megabyte;
mod b_a_revoked_selector_stays_buried;
mod b_a_subject_is_a_pattern;
mod b_a_touch_of_a_touched_record_is_taken_for_done;
mod b_a_touched_record_drops_out_of_the_due_index;
mod b_an_empty_device_leaves_the_old_one;
mod b_an_epoch_set_over_nothing_stays_in_the_cache;
mod b_an_epoch_without_records_is_collected;
mod b_an_equal_body_is_my_own_write;
mod b_an_error_at_the_last_revision_quotes_the_record;
mod b_an_idle_expiry_at_the_first_instant_is_none;
mod b_an_insert_takes_the_place_of_a_marked_record;
mod b_an_insert_takes_the_place_of_an_overdue_record;
mod b_an_overdue_parent_fences;
mod b_an_update_cannot_take_the_idle_expiry_away;
mod b_collected_records_are_still_counted;
mod b_ending_a_missing_record_is_a_conflict;
mod b_logins_are_compared_as_doubles;
mod b_marking_an_expired_record_deletes_its_key;
mod b_more_is_told_of_one_partition;
mod b_no_kinds_of_a_login_are_all_kinds;
mod b_one_login_is_marked_by_compare_and_swap;
mod b_orphans_of_a_purge_shorten_a_page;
mod b_pages_of_two_kinds_are_strung_together;
mod b_the_list_shows_a_spent_record_as_it_was;
mod b_three_conditions_are_two;
mod b_ties_are_sorted_by_their_text;

pub(crate) const ALL: &[Bug] = zoo![Bug BUG:
    b_a_contended_delete_is_tried_twice,
    b_a_crash_undoes_an_epoch_set_over_nothing,
    b_a_crash_undoes_an_update_without_a_rotation,
    b_a_crash_undoes_the_end_of_an_anonymous_session,
    b_a_crash_undoes_the_removal_of_everything,
    b_a_damaged_row_loses_its_place,
    b_a_dropped_restore_is_not_indexed,
    b_a_duplicate_is_counted,
    b_a_frozen_login_says_that_nothing_was_written,
    b_a_full_transaction_leaves_the_last_record,
    b_a_generation_is_a_signed_number_once_rotated,
    b_a_key_for_removal_ends_at_its_first_zero,
    b_a_kind_is_the_beginning_of_another,
    b_a_kind_runs_into_its_subject,
    b_a_large_body_is_written_in_two_chunks,
    b_a_longer_keep_waits_for_half_of_the_shorter,
    b_a_mark_rounds_a_large_revision,
    b_a_marked_record_stays_in_its_nodes_cache,
    b_a_page_ends_at_one_megabyte,
    b_a_page_of_no_purpose_shows_all,
    b_a_parent_is_looked_for_in_the_childs_subject,
    b_a_parent_is_marked_behind_the_check,
    b_a_parent_of_another_namespace_holds,
    b_a_record_spent_by_replace_is_collected_at_its_idle_time,
    b_a_restart_forgets_the_script_that_marks,
    b_a_revocation_reads_one_megabyte,
    b_a_revoked_selector_stays_buried,
    b_a_subject_is_a_pattern,
    b_a_touch_of_a_touched_record_is_taken_for_done,
    b_a_touched_record_drops_out_of_the_due_index,
    b_an_empty_device_leaves_the_old_one,
    b_an_epoch_set_over_nothing_stays_in_the_cache,
    b_an_epoch_without_records_is_collected,
    b_an_equal_body_is_my_own_write,
    b_an_error_at_the_last_revision_quotes_the_record,
    b_an_idle_expiry_at_the_first_instant_is_none,
    b_an_insert_takes_the_place_of_a_marked_record,
    b_an_insert_takes_the_place_of_an_overdue_record,
    b_an_overdue_parent_fences,
    b_an_update_cannot_take_the_idle_expiry_away,
    b_collected_records_are_still_counted,
    b_ending_a_missing_record_is_a_conflict,
    b_logins_are_compared_as_doubles,
    b_marking_an_expired_record_deletes_its_key,
    b_more_is_told_of_one_partition,
    b_no_kinds_of_a_login_are_all_kinds,
    b_one_login_is_marked_by_compare_and_swap,
    b_orphans_of_a_purge_shorten_a_page,
    b_pages_of_two_kinds_are_strung_together,
    b_the_list_shows_a_spent_record_as_it_was,
    b_three_conditions_are_two,
    b_ties_are_sorted_by_their_text,
];
