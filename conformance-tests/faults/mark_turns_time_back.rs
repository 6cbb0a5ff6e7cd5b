//! A mark sets `updated_at` to its own time though a faster clock wrote last: a native time to live is longer
//! than meant.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || marks(|_, marked, at| marked.updated_at = at),
    &[(S8, "subject::marking_does_what_the_record_says")],
);
