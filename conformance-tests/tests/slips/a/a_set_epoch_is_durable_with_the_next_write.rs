//! A revocation commits its records, and then writes the epoch through a cache that is flushed with the next write.
//! Breaks S14 and S8: after a crash the records are ended and the old epoch is back, so a login that was under way gets in.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

// A sequence that shows it:
// epoch(u) = E; revoke(u, all, Mark, Set E2): 0; the process dies (or every handle is dropped and the store opened
// again); insert A under E: `Inserted` instead of `Fenced`.
pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::NextWrite, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    matches!((call, entry), (Call::Revoke { .. }, Entry::Epoch))
}
