//! The generation is stored in a byte: after 255 rotations it stands still.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || inserts(|record| record.generation = record.generation.min(255)),
    &[(S1, "insert::the_largest_and_the_smallest_values_are_kept")],
);
