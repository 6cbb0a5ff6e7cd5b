//! "Log out my other devices" logs this one out and leaves the others.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || filters(only),
    &[
        (S8, "subject::every_choice_matches_the_reference"),
        (S8, "login::a_changed_credential_leaves_only_the_caller"),
    ],
);

fn only(filter: &mut RecordFilter) {
    if let Logins::Except(login) = filter.logins {
        filter.logins = Logins::Only(login);
    }
}
