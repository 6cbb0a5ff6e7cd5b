//! `replace` updates every column but `purge_at`: a session in use is collected as if it had been idle.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|old, next, _| next.purge_at = old.purge_at),
    &[
        (S10, "replace::a_moved_purge_time_counts_and_the_old_one_does_not"),
        (D2, "decision::the_idle_expiry_is_exact_and_use_moves_it"),
    ],
);
