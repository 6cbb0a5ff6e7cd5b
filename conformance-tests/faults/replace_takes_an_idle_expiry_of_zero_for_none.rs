//! `NULLIF(idle_at, 0)` in the statement that replaces: an idle expiry of 0 is stored as none.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|_, next, _| next.idle_at = next.idle_at.filter(|idle| *idle != Timestamp::MIN)),
    &[(S1, "replace::an_idle_expiry_at_the_beginning_of_time_is_one")],
);
