//! A purge removes what was there at the purge before it, so a feed may miss one purge and no more. This one takes two for
//! harmless.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::what_ended_before_purges_is_heard_or_lost")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    /// How much was posted at each purge.
    purges: Locked<Vec<usize>>,
}

impl Board for Wrong {
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
        if purges.len() > seat.purges + 2 {
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
