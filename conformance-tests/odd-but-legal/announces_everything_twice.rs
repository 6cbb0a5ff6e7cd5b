//! Every ending is reported twice, the latest first, and with it records that did not end.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
}

impl Board for Strange {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let (from, mut new) = (seat.at, self.log.since(&mut seat.at));
        new.reverse();
        heard.ended(&new);
        heard.ended(&[Selector([7; 16])]);
        heard.ended(&self.log.since(&mut from.saturating_sub(3)));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
