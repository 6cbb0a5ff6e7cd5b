//! A turn reads, moves on and then fails, before it has reported. The next turn continues behind what was read.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let read = self.log.since(&mut seat.at);
        if seat.turns.is_multiple_of(3) {
            return Err(StoreError::Timeout {
                source: "the answer is too late".into(),
                outcome_unknown: false,
            });
        }
        heard.ended(&read);
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
