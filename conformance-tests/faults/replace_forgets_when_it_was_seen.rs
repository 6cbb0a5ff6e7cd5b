//! `replace` leaves `seen_at` as it was: the list of devices shows each as last seen when it logged in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|old, next, _| next.seen_at = old.seen_at),
    &[
        (S1, "replace::what_was_replaced_is_found_byte_for_byte"),
        (D5, "decision::being_seen_is_written_once_in_a_while"),
        (D5, "rotation::a_shorter_policy_works_at_once"),
    ],
);
