//! The parent is read `FOR NO KEY UPDATE` by a revocation and a replace, but the insert reads it without a lock, and
//! only those two and the insert take the advisory lock of the subject: a delete comes between check and insert.
//! Breaks S11: the check and the insert are one step, and no interleaving with `delete` lets a record slip in.

use crate::help::{Unheld, checks_parents};
use crate::prelude::*;

// A sequence that shows it:
// insert P; at once: insert A under P; and in turn delete(P): true, find(A): None. Then the insert answers `Inserted`,
// and A is there: it came behind an acknowledged log-out.
pub(crate) const BUG: Bug = Bug::new(|| checks_parents(Unheld::Delete), &[]);
