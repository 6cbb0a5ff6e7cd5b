//! A feed is lost after some turns, at its end or in the middle of one.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
    feeds: Locked<usize>,
}

impl Board for Strange {
    fn open(&self, _: &Base) -> Seat {
        let mut feeds = self.feeds.lock();
        *feeds += 1;
        Seat { at: self.log.len(), purges: 3 + *feeds % 5, ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        if seat.turns == seat.purges {
            if seat.turns.is_multiple_of(2) {
                return Ok(Proven::Lost(Lost::Flushed));
            }
            heard.lost(Lost::Moved);
            return Ok(Proven::ThisTurn);
        }
        heard.ended(&self.log.since(&mut seat.at));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
