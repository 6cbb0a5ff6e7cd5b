//! Every third turn fails. The next one reports what the failed one had read.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
}

impl Board for Strange {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        if seat.turns.is_multiple_of(3) {
            seat.kept.extend(self.log.since(&mut seat.at));
            return Err(StoreError::Unavailable("busy".into()));
        }
        heard.ended(&std::mem::take(&mut seat.kept));
        heard.ended(&self.log.since(&mut seat.at));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
