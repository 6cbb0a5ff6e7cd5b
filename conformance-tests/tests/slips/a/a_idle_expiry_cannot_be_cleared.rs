//! The statement of an update says `idle_at = COALESCE($4, idle_at)`, as an ORM does for an optional field; that of an
//! end sets it to NULL outright.
//! Breaks S1: the idle expiry that was taken away is found again, and ends the login.

use crate::prelude::*;

// A sequence that shows it:
// insert A with idle_at = Some(1000); replace(A with idle_at None, Update): `Replaced`; find(A).idle_at is Some(1000).
pub(crate) const BUG: Bug = Bug::new(|| replaces(keep_it), &[]);

fn keep_it(old: &Record, next: &mut Record, change: Change<'_>) {
    if change == Change::Update {
        next.idle_at = next.idle_at.or(old.idle_at);
    }
}
