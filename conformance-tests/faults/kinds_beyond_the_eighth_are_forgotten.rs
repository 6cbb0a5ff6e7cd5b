//! The statement has eight placeholders for kinds and ignores any further kinds.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| filters(forget), &[(S8, "subject::a_kind_named_twice_counts_once")]);

fn forget(filter: &mut RecordFilter) {
    if let Kinds::Only(kinds) = &mut filter.kinds {
        kinds.truncate(8);
    }
}
