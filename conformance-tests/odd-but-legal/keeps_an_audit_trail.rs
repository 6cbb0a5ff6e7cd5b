//! Each ending writes its note into a trail of its own, whatever bytes it has (a store may write it, and may ignore
//! it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    trail: Locked<Vec<Note>>,
}

impl Twist for Strange {
    fn take_note(&self, note: &Note) -> Result<(), StoreError> {
        self.trail.lock().push(note.clone());
        Ok(())
    }
}
