//! Touches were to be written behind, and `Change::Update` went down the same path: it stays in a buffer until the next
//! write of another sort.
//! Breaks S14: a rotation survives what the store declares, here the death of the process.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A', Update): `Replaced`; the process dies (or every handle is dropped and the store opened again);
// find(A) gives A: a token that was rotated away is good again, and the new one is not.
pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::NextWrite, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    matches!((call, entry), (Call::Replace { change: "update", .. }, Entry::Put))
}
