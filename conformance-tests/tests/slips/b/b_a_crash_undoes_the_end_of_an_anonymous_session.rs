//! Redis with two instances: anonymous sessions are in the one that was meant for a cache, whose log is
//! synced for what is set, and not for what is deleted.
//! Breaks S14: after a crash an anonymous session that was ended is back.

use crate::disk::{Call, Disk, Entry, Lapse};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::in_harness::<Disk<Wrong>>(&[]);

// insert(r without a subject) → delete(r) → true → kill → reopen → find(r) → Some.
struct Wrong;

impl Lapse for Wrong {
    fn loses(call: &Call, entry: &Entry) -> bool {
        matches!((call, entry), (Call::Delete, Entry::Gone(old)) if old.subject.is_none())
    }
}
