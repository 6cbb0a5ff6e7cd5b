//! A mark adds one to the largest revision, and the number turns into the first one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || marks(count_on),
    &[
        (S8, "replace::the_largest_revision_is_the_last"),
        (S8, "random::every_answer_of_long_sequences_is_allowed"),
    ],
);

fn count_on(old: &Record, marked: &mut Record, _: Timestamp) {
    if old.revision == Revision::MAX {
        marked.revision = Revision::FIRST;
    }
}
