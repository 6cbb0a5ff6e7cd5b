//! A write is acknowledged when it is queued: what was acknowledged last is lost when the process dies.

use crate::journal::Journals;
use crate::prelude::*;

pub(crate) const FAULT: Fault =
    Fault::in_harness::<Journals<1, true>>(&[(S14, "crash::what_was_acknowledged_survives_a_kill")]);
