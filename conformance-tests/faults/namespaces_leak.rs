//! Every namespace is the same table: staging logs production out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || names(|name| Ok(root_of(name).to_owned())),
    &[
        (S15, "namespace::one_selector_lives_in_each_namespace_for_itself"),
        (S15, "namespace::revoking_and_listing_stay_in_their_namespace"),
    ],
);
