//! Only shards are reported, never a record.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Posted<Strange>>().only(&["feed"]);

#[derive(Debug, Default)]
struct Strange {
    log: Log,
}

impl Board for Strange {
    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        for selector in self.log.since(&mut seat.at) {
            heard.ended_shard(selector.shard());
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
