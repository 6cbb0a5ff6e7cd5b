//! Times are stored in whole seconds: `DATETIME` without fraction.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| inserts(in_seconds), &[(S1, "insert::milliseconds_from_1970_to_9999_are_kept")]);

fn in_seconds(record: &mut Record) {
    for time in [&mut record.created_at, &mut record.updated_at, &mut record.seen_at] {
        *time = Timestamp::from_millis(time.as_millis() / 1_000 * 1_000);
    }
}
