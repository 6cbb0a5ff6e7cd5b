//! FoundationDB: records lie under `(subject, selector)`, and the parent is read under the child's subject.
//! Breaks S11: a parent may be another subject's of the same shard; here it fences.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| fences_under(of_others), &[]);

fn of_others(parent: &Record, child: &Record) -> bool {
    parent.subject.is_some() && child.subject.is_some() && parent.subject != child.subject
}
