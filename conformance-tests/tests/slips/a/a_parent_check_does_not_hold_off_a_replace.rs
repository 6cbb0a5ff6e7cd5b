//! The insert under a parent takes the advisory lock that revocations and deletes take, and then reads the parent
//! without a row lock: a replace that marks the parent comes between.
//! Breaks S11: a parent that is marked fences, and the check and the insert are one step.

use crate::help::{Unheld, checks_parents};
use crate::prelude::*;

// A sequence that shows it:
// insert P; at once: insert A under P; and in turn replace(P, marked Superseded, End): `Replaced`, find(A) or list(u)
// without A. Then the insert answers `Inserted`: a session restored behind a renewal.
pub(crate) const BUG: Bug = Bug::new(|| checks_parents(Unheld::Replace), &[]);
