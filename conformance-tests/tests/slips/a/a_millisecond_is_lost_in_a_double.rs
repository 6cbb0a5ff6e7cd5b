//! PostgreSQL: "seen at" is a timestamptz for people to read; it is written with `to_timestamp($1 / 1000.0)` and read as
//! `(extract(epoch from seen_at) * 1000)` through a double that is cut, not rounded.
//! Breaks S1: instants to the millisecond; some come back one earlier.

use crate::prelude::*;

// A sequence that shows it:
// insert A with seen_at = 1001 ms (1.001 × 1000 is 1000.9999…): find(A).seen_at is 1000 ms. Most instants are right.
pub(crate) const BUG: Bug = Bug::new(|| writes(through_a_double), &[]);

fn through_a_double(record: &mut Record) {
    let seconds = record.seen_at.as_millis() as f64 / 1_000.0;
    record.seen_at = Timestamp::from_millis((seconds * 1_000.0) as u64);
}
