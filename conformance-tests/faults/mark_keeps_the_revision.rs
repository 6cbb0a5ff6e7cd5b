//! A mark leaves the revision as it was, so a replace that was under way cannot tell that anything happened.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || marks(|old, marked, _| marked.revision = old.revision),
    &[(S8, "subject::marking_does_what_the_record_says")],
);
