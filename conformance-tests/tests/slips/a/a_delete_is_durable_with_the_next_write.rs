//! SQLite: the connection for deletes was opened with another PRAGMA than the others, and its last transaction stays in
//! memory until the next write.
//! Breaks S14: an acknowledged delete survives what the store declares.

use crate::disk::{Call, Disk, Entry, Lapse};
use crate::prelude::*;

// A sequence that shows it:
// insert A without subject; delete(A): true; the process dies (or every handle is dropped and the store opened again);
// find(A) gives A: a session that was logged out is alive.
pub(crate) const BUG: Bug = Bug::in_harness::<Disk<Wrong>>(&[]);

struct Wrong;

impl Lapse for Wrong {
    const UNTIL_THE_NEXT: bool = true;

    fn loses(call: &Call, entry: &Entry) -> bool {
        matches!((call, entry), (Call::Delete, Entry::Gone(_)))
    }
}
