//! The server cuts names after 63 bytes and says so in a notice that no one reads: two long names are one
//! namespace.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || names(|name| Ok(name.chars().take(63).collect())),
    &[(S15, "namespace::names_that_a_backend_confuses_are_refused")],
);
