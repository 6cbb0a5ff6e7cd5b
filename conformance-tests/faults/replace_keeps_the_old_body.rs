//! `replace` updates the columns that the index needs and forgets the body: the successor was handed out and
//! is not known.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|old, next, _| next.body = old.body.clone()),
    &[
        (S1, "replace::what_was_replaced_is_found_byte_for_byte"),
        (T2, "token::every_former_token_is_known"),
        (T5, "token::every_client_with_a_predecessor_gets_one_successor"),
        (D1, "decision::a_guess_ends_nothing"),
        (D6, "decision::a_lost_response_is_made_good_within_the_retry_window"),
        (D6, "decision::a_lost_response_is_made_good_until_the_successor_is_confirmed"),
        (D7, "decision::a_request_under_way_is_good_for_the_overlap"),
        (D8, "decision::a_successor_that_no_client_presented_lapses"),
        (D9, "decision::a_replay_ends_the_login_and_no_more"),
        (D9, "decision::a_replay_is_one_under_any_stamp"),
        (D10, "rotation::a_rotation_is_due_at_the_first_use_and_then_not_too_soon"),
        (D10, "rotation::the_request_that_confirms_does_not_rotate"),
        (D10, "rotation::an_unconfirmed_successor_rotates_late"),
        (D11, "rotation::retrying_extends_no_window"),
        (D16, "rotation::a_replay_outside_the_windows_is_always_caught"),
    ],
);
