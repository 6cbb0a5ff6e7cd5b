//! SQLite: the connection for deletes was opened with another PRAGMA than the others, and its last transaction stays in
//! memory until the next write.
//! Breaks S14: an acknowledged delete survives what the store declares.

use crate::prelude::*;

// A sequence that shows it:
// insert A without subject; delete(A): true; the process dies (or every handle is dropped and the store opened again);
// find(A) gives A: a session that was logged out is alive.
use super::durable::{Entry, Files, Late};

pub(crate) const FAULT: Fault = Fault::in_harness::<Files<Wrong>>(&[]);

#[derive(Default)]
struct Wrong;

impl Late for Wrong {
    const LATE: Entry = Entry::Deleted;
}
