//! Every slip, a file each.

mod a_anonymous_pair_is_fenced;
mod a_anonymous_selector_is_not_unique;
mod a_body_is_cut_at_16_kib_by_an_update;
mod a_collecting_connection_is_never_opened_again;
mod a_commit_that_broke_is_taken_for_a_refusal;
mod a_conflict_leaves_its_transaction_open;
mod a_count_is_of_the_snapshot;
mod a_count_is_taken_before_the_update;
mod a_count_leaves_out_the_expired;
mod a_damaged_row_ends_the_revocation;
mod a_damaged_row_hides_behind_a_kind;
mod a_delete_is_durable_with_the_next_write;
mod a_delete_passes_over_a_marked_anonymous_record;
mod a_dropped_revocation_keeps_its_lock;
mod a_dropped_update_leaves_the_old_body;
mod a_due_time_follows_only_the_idle_expiry;
mod a_end_of_time_is_never_due;
mod a_ending_of_a_marked_record_is_missing;
mod a_epoch_is_a_version_4_uuid;
mod a_epoch_is_compared_in_any_case;
mod a_epochs_subject_is_cut_at_191;
mod a_epochs_subject_is_padded;
mod a_epochs_use_up_the_limit;
mod a_expired_row_is_inserted_over;
mod a_failed_check_quotes_the_row;
mod a_first_login_slips_in_behind_the_epoch;
mod a_frozen_server_fences;
mod a_half_of_the_old_time_is_enough;
mod a_hyphen_becomes_an_underscore;
mod a_idle_expiry_cannot_be_cleared;
mod a_idle_expiry_of_zero_is_none;
mod a_insert_under_a_parent_is_an_upsert;
mod a_keep_beyond_the_calendar_is_nothing;
mod a_keep_is_in_whole_seconds;
mod a_kind_is_looked_up_in_a_joined_list;
mod a_kind_named_twice_shortens_a_page;
mod a_lapsed_epoch_is_served_but_not_kept;
mod a_limit_beyond_i32_is_none;
mod a_logins_are_compared_as_doubles;
mod a_mark_of_the_others_keeps_the_purge_time;
mod a_millisecond_is_lost_in_a_double;
mod a_note_must_be_text;
mod a_nothing_left_to_mark_leaves_the_epoch;
mod a_page_after_a_record_that_is_gone_is_empty;
mod a_parent_check_does_not_hold_off_a_delete;
mod a_parent_check_does_not_hold_off_a_replace;
mod a_parent_that_a_replace_ended_still_admits;
mod a_record_is_its_own_parent;
mod a_resend_is_known_without_the_body;
mod a_resent_insert_meets_itself;
mod a_resent_revocation_counts_nothing;
mod a_revocation_skips_what_a_touch_holds;
mod a_rotation_is_durable_with_the_next_write;
mod a_second_purpose_is_an_or_without_parentheses;
mod a_selector_ends_at_its_first_nul;
mod a_set_epoch_is_durable_with_the_next_write;
mod a_set_epoch_keeps_its_old_time;
mod a_spending_is_checked_and_then_written;
mod a_spent_token_is_marked_again;
mod a_subject_column_has_numeric_affinity;
mod a_sweep_pages_by_the_instant_alone;
mod a_touch_brings_a_deleted_record_back;
mod a_touch_ignores_the_mark;
mod a_touch_leaves_the_body;
mod a_two_deletes_at_once_both_say_yes;
mod a_two_first_epochs_differ;
mod a_unknown_selector_is_remembered;

use crate::specimen::{Bug, zoo};

pub(crate) const ALL: &[Bug] = zoo![Bug BUG:
    a_anonymous_pair_is_fenced,
    a_anonymous_selector_is_not_unique,
    a_body_is_cut_at_16_kib_by_an_update,
    a_collecting_connection_is_never_opened_again,
    a_commit_that_broke_is_taken_for_a_refusal,
    a_conflict_leaves_its_transaction_open,
    a_count_is_of_the_snapshot,
    a_count_is_taken_before_the_update,
    a_count_leaves_out_the_expired,
    a_damaged_row_ends_the_revocation,
    a_damaged_row_hides_behind_a_kind,
    a_delete_is_durable_with_the_next_write,
    a_delete_passes_over_a_marked_anonymous_record,
    a_dropped_revocation_keeps_its_lock,
    a_dropped_update_leaves_the_old_body,
    a_due_time_follows_only_the_idle_expiry,
    a_end_of_time_is_never_due,
    a_ending_of_a_marked_record_is_missing,
    a_epoch_is_a_version_4_uuid,
    a_epoch_is_compared_in_any_case,
    a_epochs_subject_is_cut_at_191,
    a_epochs_subject_is_padded,
    a_epochs_use_up_the_limit,
    a_expired_row_is_inserted_over,
    a_failed_check_quotes_the_row,
    a_first_login_slips_in_behind_the_epoch,
    a_frozen_server_fences,
    a_half_of_the_old_time_is_enough,
    a_hyphen_becomes_an_underscore,
    a_idle_expiry_cannot_be_cleared,
    a_idle_expiry_of_zero_is_none,
    a_insert_under_a_parent_is_an_upsert,
    a_keep_beyond_the_calendar_is_nothing,
    a_keep_is_in_whole_seconds,
    a_kind_is_looked_up_in_a_joined_list,
    a_kind_named_twice_shortens_a_page,
    a_lapsed_epoch_is_served_but_not_kept,
    a_limit_beyond_i32_is_none,
    a_logins_are_compared_as_doubles,
    a_mark_of_the_others_keeps_the_purge_time,
    a_millisecond_is_lost_in_a_double,
    a_note_must_be_text,
    a_nothing_left_to_mark_leaves_the_epoch,
    a_page_after_a_record_that_is_gone_is_empty,
    a_parent_check_does_not_hold_off_a_delete,
    a_parent_check_does_not_hold_off_a_replace,
    a_parent_that_a_replace_ended_still_admits,
    a_record_is_its_own_parent,
    a_resend_is_known_without_the_body,
    a_resent_insert_meets_itself,
    a_resent_revocation_counts_nothing,
    a_revocation_skips_what_a_touch_holds,
    a_rotation_is_durable_with_the_next_write,
    a_second_purpose_is_an_or_without_parentheses,
    a_selector_ends_at_its_first_nul,
    a_set_epoch_is_durable_with_the_next_write,
    a_set_epoch_keeps_its_old_time,
    a_spending_is_checked_and_then_written,
    a_spent_token_is_marked_again,
    a_subject_column_has_numeric_affinity,
    a_sweep_pages_by_the_instant_alone,
    a_touch_brings_a_deleted_record_back,
    a_touch_ignores_the_mark,
    a_touch_leaves_the_body,
    a_two_deletes_at_once_both_say_yes,
    a_two_first_epochs_differ,
    a_unknown_selector_is_remembered,
];
