//! Redis: the filter goes to the script as JSON, where an empty list is written as `{}` and taken for
//! "no condition"; only where no login is named either a guard stops it.
//! Breaks S8: a revocation of no kind at all ends everything of a login.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| filters(widen), &[]);

fn widen(filter: &mut RecordFilter) {
    if filter.logins != Logins::Any && filter.kinds == Kinds::Only(Vec::new()) {
        filter.kinds = Kinds::Any;
    }
}
