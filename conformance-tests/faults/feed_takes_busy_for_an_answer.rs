//! The server says that it is busy, which is an answer, and the feed takes it for proof.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        if !seat.turns.is_multiple_of(3) {
            heard.ended(&self.log.since(&mut seat.at));
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
