//! MySQL: the table of records has a VARBINARY subject, the table of epochs a VARCHAR with utf8mb4_bin, which compares
//! under PAD SPACE: "u" and "u " share an epoch.
//! Breaks S16 and S11: the epoch of another subject counts, so a log-out of one subject fences the other, and a record
//! under an epoch of "u " is let in by that of "u".

use crate::prelude::*;

// A sequence that shows it:
// epoch("u") = E; insert of a record of "u " under E: `Inserted`, though "u " has no epoch.
// Or: epoch("u ") = E; revoke("u", Set E2); insert of "u " under E: `Fenced`.
pub(crate) const BUG: Bug = Bug::new(|| folds(trim), &[]);

fn trim(subject: &Subject) -> Subject {
    Subject::new(subject.as_str().trim_end_matches(' ')).unwrap_or_else(|_| subject.clone())
}
