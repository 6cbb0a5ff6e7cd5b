//! No page is longer than 1,000, so one of 1,000 looks like the last.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| lists(|records| records.truncate(1_000)), &[(S9, "list::a_thousand_devices_are_paged")]);
