//! A relay polls for all of its nodes, and answers each question from its last round, which began before the question:
//! what was acknowledged in between is missing.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        // The relay polls every second question.
        if seat.turns.is_multiple_of(2) {
            heard.ended(&self.log.since(&mut seat.at));
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
