//! Each purge removes the announcements that were there at the purge before it. A feed that paused for longer says that it
//! is lost.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
    /// How much was posted at each purge.
    purges: Locked<Vec<usize>>,
}

impl Board for Strange {
    /// Removes what was there at the purge before this one.
    fn purged(&self) {
        let mut purges = self.purges.lock();
        purges.push(self.log.len());
    }

    fn open(&self, _: &Base) -> Seat {
        Seat { at: self.log.len(), purges: self.purges.lock().len(), ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let purges = self.purges.lock();
        if purges.len() > seat.purges + 1 {
            return Ok(Proven::Lost(Lost::Trimmed));
        }
        let removed = purges.iter().rev().nth(1).copied().unwrap_or_default();
        seat.at = seat.at.max(removed);
        seat.purges = purges.len();
        heard.ended(&self.log.since(&mut seat.at));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
