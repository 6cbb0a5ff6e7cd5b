//! The time of an epoch is a MySQL DATETIME without fraction, and the adapter cuts the milliseconds before it binds.
//! Breaks S11 (and S10): an epoch is collected late or at once, never early.

use crate::prelude::*;

// A sequence that shows it:
// epoch(u, keep 1.999 s, now 0) = E; purge at 1.5 s; insert under E: `Fenced`, up to a second too early.
pub(crate) const BUG: Bug = Bug::new(|| keeps(keep), &[]);

fn keep(now: Timestamp, keep: Duration) -> Duration {
    let until = now.saturating_add(keep).as_millis();
    Timestamp::from_millis(until - until % 1_000).since(now)
}
