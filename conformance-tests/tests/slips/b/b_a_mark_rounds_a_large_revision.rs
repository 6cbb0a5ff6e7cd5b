//! Redis: the script that marks counts the revision in Lua, whose numbers become text with 14 digits.
//! Breaks S8: marking leaves `revision = min(revision + 1, 2⁵³ − 1)`; a revision above 10¹⁴ comes out rounded,
//! and may even be lower than before (S5).

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| marks(|_, marked, _| marked.revision = rounded(marked.revision)), &[]);

fn rounded(revision: Revision) -> Revision {
    let number = revision.get();
    let mut unit = 1;
    while number / unit >= 100_000_000_000_000 {
        unit *= 10;
    }
    let number = (number + unit / 2) / unit * unit;
    Revision::new(number).unwrap_or(Revision::MAX)
}
