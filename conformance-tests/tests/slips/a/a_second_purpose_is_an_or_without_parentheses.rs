//! The purposes become `… AND purpose = 1 OR purpose = 3`, and OR binds weaker: every further purpose is ended whatever
//! its kind and login. All three purposes add no condition, and one no OR.
//! Breaks S8: kind, purpose and login are conditions that all hold at once.

use crate::prelude::*;

// A sequence that shows it:
// insert A (device, login 1) and B (single-use, login 2); revoke(u, login Only(1), NOT_KEYS, Remove): B is gone, too.
pub(crate) const BUG: Bug = Bug::new(|| crate::help::picks(pick), &[]);

fn pick(filter: &RecordFilter, record: &Record) -> bool {
    let purposes: Vec<_> = filter.purposes.iter().collect();
    if filter.purposes == Purposes::ALL || purposes.len() < 2 {
        return filter.matches(record);
    }
    filter.clone().purposes(purposes[0]).matches(record) || purposes[1..].contains(&record.purpose)
}
