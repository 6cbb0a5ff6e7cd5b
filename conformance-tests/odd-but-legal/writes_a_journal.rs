//! Records are in memory and in an append-only file that is read again at the start: no database at all. A purge is
//! not written down, so what it removed is back after a restart and due again (S14).

use crate::journal::{Journals, NOTHING};
use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::in_harness::<Journals<0, NOTHING>>();
