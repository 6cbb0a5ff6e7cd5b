//! A revocation of one kind ends every kind: "revoke my API keys" logs every browser out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || filters(|filter| filter.kinds = Kinds::Any),
    &[
        (S8, "subject::every_choice_matches_the_reference"),
        (S16, "hostile::kinds_are_compared_whole"),
        (S8, "login::ending_by_kind_and_by_login_ends_just_that"),
    ],
);
