//! MongoDB: the journal is asked for in the write that ends records; where none matched only the epoch is
//! written, with the default write concern.
//! Breaks S14: a revocation that ended nothing is acknowledged, and after a crash the epoch is the old one: a
//! login that was under way lands behind it.

use crate::journal::{Call, Entry, Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| Journals::losing(Until::Closed, loses).shared(), &[]);

fn loses(call: &Call, entry: &Entry) -> bool {
    matches!((call, entry), (Call::Revoke { count: 0, .. }, Entry::Epoch))
}
