//! MySQL: the primary key of the table of epochs is a prefix, `subject(191)`, because utf8mb4 and old row formats allow
//! no more; the table of records has a hash of the subject instead.
//! Breaks S16 and S11: two subjects that share 191 characters share an epoch.

use crate::prelude::*;

// A sequence that shows it:
// u = 200 × "a" + "1", v = 200 × "a" + "2". epoch(u) = E; epoch(v) is E too; revoke(v, Set E2) makes an
// insert of u under E `Fenced`.
pub(crate) const BUG: Bug = Bug::new(|| folds(cut), &[]);

fn cut(subject: &Subject) -> Subject {
    let cut: String = subject.as_str().chars().take(191).collect();
    Subject::new(cut).unwrap_or_else(|_| subject.clone())
}
