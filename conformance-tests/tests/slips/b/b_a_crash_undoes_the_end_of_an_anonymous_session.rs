//! Redis with two instances: anonymous sessions are in the one that was meant for a cache, whose log is
//! synced for what is set, and not for what is deleted.
//! Breaks S14: after a crash an anonymous session that was ended is back.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::Closed, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    matches!((call, entry), (Call::Delete, Entry::Gone(old)) if old.subject.is_none())
}
