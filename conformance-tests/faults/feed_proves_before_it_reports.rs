//! A turn proves what it asked, and reports what was announced before with the next turn: one answer overtakes the
//! announcements of the same round, and a single answer is taken for proof.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        heard.ended(&std::mem::take(&mut seat.kept));
        seat.kept = self.log.since(&mut seat.at);
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
