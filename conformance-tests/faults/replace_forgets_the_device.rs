//! `replace` updates what changes "every time" and leaves the device, so the list of devices shows the old
//! one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(|old, next, _| next.device = old.device.clone()),
    &[(S1, "replace::what_was_replaced_is_found_byte_for_byte")],
);
