//! A touch "moves only seen at, the idle expiry and purge_at", so its statement writes these columns and no body; but
//! every write has a fresh id in its body.
//! Breaks S1 and S5: what was acknowledged is not what is found, byte for byte, and a re-send cannot be told.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A' with a body of its own, Touch): `Replaced`; find(A).body is the old one.
pub(crate) const BUG: Bug = Bug::new(|| replaces(leave), &[]);

fn leave(old: &Record, next: &mut Record, change: Change<'_>) {
    if change == Change::Touch {
        next.body = old.body.clone();
    }
}
