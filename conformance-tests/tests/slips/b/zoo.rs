//! Every slip, a file each.

use crate::specimen::{Fault, zoo};

mod help;
mod b_a_duplicate_is_counted;
mod b_a_full_transaction_leaves_the_last_record;
mod b_a_generation_is_a_signed_number_once_rotated;
mod b_a_page_ends_at_one_megabyte;
mod b_a_parent_is_marked_behind_the_check;
mod b_a_record_spent_by_replace_is_collected_at_its_idle_time;
mod b_a_revocation_reads_one_megabyte;
mod b_a_revoked_selector_stays_buried;
mod b_a_touched_record_drops_out_of_the_due_index;
mod b_an_empty_device_leaves_the_old_one;
mod b_an_idle_expiry_at_the_first_instant_is_none;
mod b_an_update_cannot_take_the_idle_expiry_away;
mod b_collected_records_are_still_counted;
mod b_marking_an_expired_record_deletes_its_key;
mod b_the_list_shows_a_spent_record_as_it_was;
mod b_ties_are_sorted_by_their_text;

pub(crate) const ALL: &[Fault] = zoo![Fault FAULT:
    b_a_duplicate_is_counted,
    b_a_full_transaction_leaves_the_last_record,
    b_a_generation_is_a_signed_number_once_rotated,
    b_a_page_ends_at_one_megabyte,
    b_a_parent_is_marked_behind_the_check,
    b_a_record_spent_by_replace_is_collected_at_its_idle_time,
    b_a_revocation_reads_one_megabyte,
    b_a_revoked_selector_stays_buried,
    b_a_touched_record_drops_out_of_the_due_index,
    b_an_empty_device_leaves_the_old_one,
    b_an_idle_expiry_at_the_first_instant_is_none,
    b_an_update_cannot_take_the_idle_expiry_away,
    b_collected_records_are_still_counted,
    b_marking_an_expired_record_deletes_its_key,
    b_the_list_shows_a_spent_record_as_it_was,
    b_ties_are_sorted_by_their_text,
];
