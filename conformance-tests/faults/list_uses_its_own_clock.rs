//! A list leaves out what has expired by the clock of the database.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || lists(|records| records.retain(|record| SystemClock.now() <= record.expires_at)),
    &[(S9, "list::what_expired_long_ago_is_listed")],
);
