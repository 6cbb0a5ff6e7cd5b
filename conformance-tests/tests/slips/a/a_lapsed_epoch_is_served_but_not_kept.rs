//! The read of an epoch prolongs it with `UPDATE … SET keep_until = $1 WHERE subject = $2 AND keep_until > $now`. One
//! whose time is over, and that no purge has collected yet, is answered and not prolonged.
//! Breaks S11: what `epoch` answers is kept until now + keep.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1 h, now 0) = E; epoch(u, keep 1 h, now 2 h) = E; purge at 2 h + 1 ms; insert under E: `Fenced`.
// With a purge before the second call a fresh one is made, and all is well.
pub(crate) const BUG: Bug = Bug::new(|| crate::help::leaves(|until, _, now| until <= now), &[]);
