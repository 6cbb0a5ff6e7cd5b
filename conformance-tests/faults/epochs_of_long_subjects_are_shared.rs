//! The table of epochs has a column of 191 characters: logging one user with a long name out turns away the
//! logins of another.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| folds(cut), &[(S11, "fence::a_long_subject_has_an_epoch_of_its_own")]);

fn cut(subject: &Subject) -> Subject {
    let cut: String = subject.as_str().chars().take(191).collect();
    Subject::new(cut).unwrap_or_else(|_| subject.clone())
}
