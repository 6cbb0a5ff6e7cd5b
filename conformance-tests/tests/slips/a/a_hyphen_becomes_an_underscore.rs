//! The namespace becomes part of the names of the tables, and what an identifier may not hold is replaced by `_`.
//! Breaks S15: "a-b" and "a_b" see each other's records; opening refuses a name that could be confused.

use crate::prelude::*;

// A sequence that shows it:
// open("x-y"), insert A; open("x_y"), find(A): A's record.
pub(crate) const BUG: Bug = Bug::new(|| names(|name| Ok(name.replace('-', "_"))), &[]);
