//! RocksDB: removing everything of a subject is a `DeleteRange`, which its author gave write options without
//! the log; every other removal is a batch with it.
//! Breaks S14: after a crash every session of a subject that was logged out everywhere is back.

use crate::disk::{Call, Disk, Entry, Lapse};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Disk<Wrong>>(&[]);

// insert(r) → revoke(all, Remove) → 1 → kill → reopen → find(r) → Some. With a condition, or marked, it holds.
struct Wrong;

impl Lapse for Wrong {
    fn loses(call: &Call, entry: &Entry) -> bool {
        let Call::Revoke { action: Action::Remove, filter, .. } = call else { return false };
        *filter == RecordFilter::all() && matches!(entry, Entry::Gone(_))
    }
}
