//! What was announced arrives with the next turn, and each turn proves the one before.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
}

impl Board for Strange {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        heard.ended(&std::mem::take(&mut seat.kept));
        seat.kept = self.log.since(&mut seat.at);
        Ok(Proven::TurnBefore)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
