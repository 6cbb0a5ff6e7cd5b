//! Redis: the filter goes to the script as JSON, where an empty list is written as `{}` and taken for
//! "no condition"; only where no login is named either a guard stops it.
//! Breaks S8: a revocation of no kind at all ends everything of a login.

use crate::help::{Choose, Chooses};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Chooses<Wrong>>(&[]);

// insert(r) → revoke(kinds Only([]), logins Only(r.login), Remove) → 1 in place of 0.
#[derive(Default)]
struct Wrong;

impl Choose for Wrong {
    fn choose(filter: &RecordFilter) -> RecordFilter {
        let mut filter = filter.clone();
        if filter.logins != Logins::Any && filter.kinds == Kinds::Only(Vec::new()) {
            filter.kinds = Kinds::Any;
        }
        filter
    }
}
