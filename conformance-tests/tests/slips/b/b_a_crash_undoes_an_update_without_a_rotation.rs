//! An embedded store: its author takes every replace that leaves the generation alone for a touch, and syncs
//! only the others and endings.
//! Breaks S14 and S5: the call says what kind of write it is; after a crash a confirmation, or new
//! application data, is gone though it was acknowledged.

use crate::disk::{Call, Disk, Entry, Lapse};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Disk<Wrong>>(&[]);

// insert(r) → replace(r with another device and body, same generation, Update) → Replaced → kill → reopen
// → find shows the old one.
struct Wrong;

impl Lapse for Wrong {
    fn loses(call: &Call, entry: &Entry) -> bool {
        let (Call::Replace { change: "touch" | "update", old: Some(old) }, Entry::Put(new)) = (call, entry)
        else {
            return false;
        };
        old.generation == new.generation
    }
}
