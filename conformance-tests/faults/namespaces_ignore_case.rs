//! A schema is named without quotes: `Staging` and `staging` become one namespace.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || names(|name| Ok(name.to_lowercase())),
    &[(S15, "namespace::names_that_a_backend_confuses_are_refused")],
);
