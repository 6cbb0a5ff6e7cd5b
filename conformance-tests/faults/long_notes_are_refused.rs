//! The audit trail has a column of 255 bytes: a log-out with a longer note fails.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "hostile::a_note_of_any_size_changes_nothing")]);

#[derive(Default)]
struct Wrong;

impl Twist for Wrong {
    fn take_note(&self, note: &Note) -> Result<(), StoreError> {
        if note.as_bytes().len() > 255 {
            return Err(StoreError::Refused("value too long for type character varying(255)".into()));
        }
        Ok(())
    }
}
