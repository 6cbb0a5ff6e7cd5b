//! A write is acknowledged when it is queued: what was acknowledged last is lost when the process dies.

use crate::journal::{Journals, Until};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Journals::losing(Until::NextWrite, |_, _| true).shared(),
    &[(S14, "crash::what_was_acknowledged_survives_a_kill")],
);
