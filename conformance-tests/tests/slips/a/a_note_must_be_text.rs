//! The audit table has a TEXT column, so a note that is not UTF-8, or that has a NUL (PostgreSQL), fails the statement,
//! and with it the ending.
//! Breaks S16: a note takes any bytes; a log-out whose note is a packed structure never happens.

use crate::prelude::*;

// A sequence that shows it:
// insert A; delete(A, note [0xff, 0x00]): Err, and A lives. The same with End and with a revocation.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

impl Twist for Wrong {
    fn take_note(&self, note: &Note) -> Result<(), StoreError> {
        match std::str::from_utf8(note.as_bytes()) {
            Ok(text) if !text.contains('\0') => Ok(()),
            _ => Err(StoreError::Other("invalid byte sequence for encoding UTF8".into())),
        }
    }
}
