//! Records are in memory and in an append-only file that is read again at the start: no database at all. A purge is
//! not written down, so what it removed is back after a restart and due again (S14).

use crate::journal::{Call, Journals, Until};
use crate::prelude::*;

pub(crate) const ODD: Odd =
    Odd::new(|| Journals::losing(Until::Never, |call, _| matches!(call, Call::Purge)).shared());
