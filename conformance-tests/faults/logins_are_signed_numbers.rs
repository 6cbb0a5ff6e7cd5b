//! Logins are stored as signed numbers that saturate: half of all logins are one login.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || inserts(|record| record.login.0[0] &= 0x7f),
    &[(S1, "insert::the_largest_and_the_smallest_values_are_kept")],
);
