//! A logout on one device logs every device out, as in Laravel and Devise, which keep one token for each
//! user.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || filters(|filter| filter.logins = Logins::Any),
    &[
        (S8, "subject::every_choice_matches_the_reference"),
        (S8, "login::another_users_login_cannot_be_ended"),
        (S9, "login::a_login_is_listed_once_however_many_tokens_it_has"),
        (S8, "login::the_cap_ends_the_oldest_login"),
    ],
);
