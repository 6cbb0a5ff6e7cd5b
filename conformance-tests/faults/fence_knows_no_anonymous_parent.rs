//! `JOIN … ON parent.subject = child.subject`: NULL never equals NULL, so an anonymous parent admits no
//! record.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || fences_under(|parent, _| parent.subject.is_none()),
    &[(S11, "fence::a_parent_may_be_anonymous_or_another_subjects")],
);
