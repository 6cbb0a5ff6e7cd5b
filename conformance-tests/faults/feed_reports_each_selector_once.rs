//! A feed drops what it has reported before, to save work. A selector may be inserted again after its record was removed,
//! and then ends again.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::a_record_that_ends_again_is_heard_again")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        for selector in self.log.since(&mut seat.at) {
            if !seat.kept.contains(&selector) {
                heard.ended(&[selector]);
                seat.kept.push(selector);
            }
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
