//! The list is in the order of the index: oldest first.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| lists(|records| records.reverse()), &[(S9, "list::newest_first_then_the_larger_selector")]);
