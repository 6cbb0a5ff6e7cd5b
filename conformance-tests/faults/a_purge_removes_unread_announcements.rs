//! A purge removes every announcement, whether or not each feed has read it, and no feed notices.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::what_ended_before_purges_is_heard_or_lost")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    removed: Locked<usize>,
}

impl Board for Wrong {
    fn purged(&self) {
        *self.removed.lock() = self.log.len();
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        seat.at = seat.at.max(*self.removed.lock());
        heard.ended(&self.log.since(&mut seat.at));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
