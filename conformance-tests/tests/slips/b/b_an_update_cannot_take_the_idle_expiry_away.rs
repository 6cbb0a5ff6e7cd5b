//! Redis: `HSET` writes the fields that are there and leaves a field that has gone; the script for endings
//! deletes the idle expiry, the one for updates does not.
//! Breaks S1: after an acknowledged replace the old idle expiry is returned, and the login dies by it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| replaces(keep_it), &[]);

fn keep_it(old: &Record, next: &mut Record, change: Change<'_>) {
    if change == Change::Update {
        next.idle_at = next.idle_at.or(old.idle_at);
    }
}
