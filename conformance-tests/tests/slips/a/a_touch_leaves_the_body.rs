//! A touch "moves only seen at, the idle expiry and purge_at", so its statement writes these columns and no body; but
//! every write has a fresh id in its body.
//! Breaks S1 and S5: what was acknowledged is not what is found, byte for byte, and a re-send cannot be told.

use crate::help::{Bend, Bent};
use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A' with a body of its own, Touch): `Replaced`; find(A).body is the old one.
pub(crate) const BUG: Bug = Bug::of::<Bent<Wrong>>(&[]);

#[derive(Default)]
struct Wrong;

impl Bend for Wrong {
    fn replaced(old: &Record, next: &Record, change: Change<'_>) -> Record {
        let body = if change == Change::Touch { &old.body } else { &next.body };
        Record { body: body.clone(), ..next.clone() }
    }
}
