//! Redis: `HSET` writes the fields that are there and leaves a field that has gone; the script for endings
//! deletes the idle expiry, the one for updates does not.
//! Breaks S1: after an acknowledged replace the old idle expiry is returned, and the login dies by it.

use crate::help::{Bend, Bent};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Bent<Wrong>>(&[]);

// insert(r with idle_at = Some(t)) → replace(r' with idle_at = None, Update) → Replaced
// → find shows idle_at = Some(t).
#[derive(Default)]
struct Wrong;

impl Bend for Wrong {
    fn replaced(old: &Record, next: &Record, change: Change<'_>) -> Record {
        let idle_at = if change == Change::Update { next.idle_at.or(old.idle_at) } else { next.idle_at };
        Record { idle_at, ..next.clone() }
    }
}
