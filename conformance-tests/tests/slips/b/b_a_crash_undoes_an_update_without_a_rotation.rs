//! An embedded store: its author takes every replace that leaves the generation alone for a touch, and syncs
//! only the others and endings.
//! Breaks S14 and S5: the call says what kind of write it is; after a crash a confirmation, or new
//! application data, is gone though it was acknowledged.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::Closed, loses).shared(), &[]);

fn loses(call: &Call, _: &Entry) -> bool {
    matches!(call, Call::Replace { change: "touch" | "update", rotates: false })
}
