//! The connection of a feed was closed, and the driver opens another. What was announced in between went to no one, and the
//! feed does not say so.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed_fault::what_ends_while_a_feed_is_cut_off_is_heard_or_lost")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn declared() -> Declared {
        served()
    }

    fn turn(&self, seat: &mut Seat, store: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let new = self.log.since(&mut seat.at);
        if std::mem::replace(&mut seat.server, store.faults()) == store.faults() {
            heard.ended(&new);
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
