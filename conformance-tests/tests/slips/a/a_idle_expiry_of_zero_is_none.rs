//! The column is `idle_at BIGINT NOT NULL DEFAULT 0`, and 0 stands for "none".
//! Breaks S1: an idle expiry at the first millisecond of 1970 is lost, and the record lives until its absolute one.

use crate::prelude::*;

// A sequence that shows it:
// insert A with idle_at = Some(Timestamp::MIN): find(A).idle_at is None.
pub(crate) const BUG: Bug =
    Bug::new(|| writes(|row| row.idle_at = row.idle_at.filter(|idle| *idle != Timestamp::MIN)), &[]);
