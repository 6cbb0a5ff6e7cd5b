//! RocksDB: removing everything of a subject is a `DeleteRange`, which its author gave write options without
//! the log; every other removal is a batch with it.
//! Breaks S14: after a crash every session of a subject that was logged out everywhere is back.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::Closed, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    let Call::Revoke { action: Action::Remove, filter, .. } = call else { return false };
    *filter == RecordFilter::all() && matches!(entry, Entry::Gone(_))
}
