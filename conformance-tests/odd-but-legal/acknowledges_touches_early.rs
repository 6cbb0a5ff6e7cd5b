//! A touch is not written to the disk: after a restart its record is as it was before (S5: losing one harms no one).

use crate::journal::{Journals, TOUCHES};
use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::in_harness::<Journals<0, TOUCHES>>();
