//! To save writes a read of an epoch leaves its time alone while half of the time *that was written with it* is left,
//! not half of the time that this call asks for.
//! Breaks S11: kept until now + keep, unless half of that keep is left.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0) = E; epoch(u, keep 24 h, now 0) = E, the time stays at 1 h (which is not half of 24 h);
// purge at 2 h; insert under E: `Fenced`.
pub(crate) const BUG: Bug =
    Bug::new(|| crate::help::leaves(|until, kept, now| until.since(now) * 2 >= kept), &[]);
