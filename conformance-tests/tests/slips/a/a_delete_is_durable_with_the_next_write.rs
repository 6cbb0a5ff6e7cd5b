//! SQLite: the connection for deletes was opened with another PRAGMA than the others, and its last transaction stays in
//! memory until the next write.
//! Breaks S14: an acknowledged delete survives what the store declares.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

// A sequence that shows it:
// insert A without subject; delete(A): true; the process dies (or every handle is dropped and the store opened again);
// find(A) gives A: a session that was logged out is alive.
pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::NextWrite, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    matches!((call, entry), (Call::Delete, Entry::Gone(_)))
}
