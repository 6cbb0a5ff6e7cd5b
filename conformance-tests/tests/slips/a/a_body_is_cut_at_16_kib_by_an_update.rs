//! The stored procedure behind an update declares its parameter VARBINARY(16384); the column takes more, and so does an
//! insert.
//! Breaks S1 and S16: bodies have 16 KiB of data and what core adds; the end is cut off in silence.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A with a body of Body::MAX_LEN, Update): `Replaced`; find(A).body has 16,384 bytes.
pub(crate) const BUG: Bug = Bug::new(|| replaces(cut), &[]);

fn cut(_: &Record, next: &mut Record, change: Change<'_>) {
    let bytes = next.body.as_bytes();
    if let Ok(body) = Body::new(bytes.get(..16_384).unwrap_or(bytes).to_vec())
        && change == Change::Update
    {
        next.body = body;
    }
}
