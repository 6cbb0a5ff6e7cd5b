//! Lua prints numbers with 14 digits: a mark stores a wrong number if the revision is high.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| marks(print), &[(S8, "replace::high_revisions_are_counted_exactly")]);

fn print(_: &Record, marked: &mut Record, _: Timestamp) {
    let number = marked.revision.get();
    if number > 99_999_999_999_999 {
        marked.revision = Revision::new(number / 100 * 100).unwrap_or(marked.revision);
    }
}
