//! MongoDB: the `$set` of a replace is made of the fields that are not empty, as the mapper leaves empty
//! strings out.
//! Breaks S1: after an acknowledged replace `find` shows a device that the record no longer has.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| replaces(leave), &[]);

fn leave(old: &Record, next: &mut Record, _: Change<'_>) {
    if next.device.as_str().is_empty() {
        next.device = old.device.clone();
    }
}
