//! The index of due times is in memory: what was there before a restart is never collected again.

use crate::journal::Journals;
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Journals::without_due_times().shared(),
    &[
        (S10, "restart::what_is_due_is_collected_after_a_restart"),
        (S10, "restart::what_was_purged_is_gone_or_due_after_a_restart"),
    ],
);
