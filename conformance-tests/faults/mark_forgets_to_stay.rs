//! A mark leaves the idle expiry and the purge time as they were: the record is collected before its owner
//! comes back.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || marks(go),
    &[
        (S10, "expiry::a_marked_record_stays_until_its_absolute_expiry"),
        (S8, "subject::marking_does_what_the_record_says"),
    ],
);

fn go(old: &Record, marked: &mut Record, _: Timestamp) {
    (marked.idle_at, marked.purge_at) = (old.idle_at, old.purge_at);
}
