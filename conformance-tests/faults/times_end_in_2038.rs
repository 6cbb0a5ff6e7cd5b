//! Times are stored as 32-bit seconds: every expiry after 2038 is in 2038.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| inserts(cut), &[(S1, "insert::milliseconds_from_1970_to_9999_are_kept")]);

fn cut(record: &mut Record) {
    record.expires_at = record.expires_at.min(Timestamp::from_millis(((1 << 31) - 1) * 1_000));
}
