//! The parent is looked up among the records of the child's subject: a parent of another subject of the shard
//! is missing.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || fences_under(|parent, child| parent.subject != child.subject),
    &[(S11, "fence::a_parent_may_be_anonymous_or_another_subjects")],
);
