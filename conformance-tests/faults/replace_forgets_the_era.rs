//! The statement that replaces writes every column and has none for the era: a login from before "log
//! everyone out" is good again.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|_, next, _| next.era = Era::FIRST),
    &[(S1, "insert::what_never_changes_is_kept_through_every_write")],
);
