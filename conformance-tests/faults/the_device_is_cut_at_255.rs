//! The device is stored in a `VARCHAR(255)` of a server that cuts off what is longer.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || inserts(cut),
    &[(S1, "insert::the_largest_and_the_smallest_values_are_kept"), (S16, "hostile::devices_are_any_text")],
);

fn cut(record: &mut Record) {
    let short: String = record.device.as_str().chars().take(255).collect();
    record.device = Device::new(short).unwrap_or_default();
}
