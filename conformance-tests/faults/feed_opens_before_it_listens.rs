//! Opening a feed only prepares it; it listens from its first turn on, and what ended in between is never heard.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[(S19, "feed::a_feed_hears_from_its_opening_on")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn open(&self, _: &Base) -> Seat {
        Seat::default()
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let new = self.log.since(&mut seat.at);
        if seat.turns > 1 {
            heard.ended(&new);
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
