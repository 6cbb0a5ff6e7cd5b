//! A write is acknowledged when it is queued: what was acknowledged last is lost when the process dies.

use crate::journal::{Journals, NOTHING};
use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::in_harness::<Journals<1, NOTHING>>(&[(S14, "crash::what_was_acknowledged_survives_a_kill")]);
