//! MongoDB: the journal is asked for in the write that ends records; where none matched only the epoch is
//! written, with the default write concern.
//! Breaks S14: a revocation that ended nothing is acknowledged, and after a crash the epoch is the old one: a
//! login that was under way lands behind it.

use crate::disk::{Call, Disk, Entry, Lapse};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Disk<Wrong>>(&[]);

// epoch(s) → e1 → revoke(s, all, Remove, Set e2) → 0 → kill → reopen → insert(r, Epoch(e1)) → Inserted.
struct Wrong;

impl Lapse for Wrong {
    fn loses(call: &Call, entry: &Entry) -> bool {
        matches!((call, entry), (Call::Revoke { count: 0, .. }, Entry::Epoch))
    }
}
