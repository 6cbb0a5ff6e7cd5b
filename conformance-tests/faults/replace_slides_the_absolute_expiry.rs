//! Each write moves the absolute expiry on, as a cache does that knows one time to live: use extends a login
//! without end.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || replaces(slide),
    &[
        (S1, "replace::what_was_replaced_is_found_byte_for_byte"),
        (D11, "rotation::rotating_moves_no_absolute_expiry"),
    ],
);

fn slide(old: &Record, next: &mut Record, _: Change<'_>) {
    next.expires_at = next.expires_at.saturating_add(next.updated_at.since(old.updated_at));
}
