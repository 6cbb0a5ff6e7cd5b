//! All feeds take from one queue: what one of them hears, the others do not.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[(S19, "feed::every_feed_hears_everything")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    read: Locked<usize>,
}

impl Board for Wrong {
    fn turn(&self, _: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        heard.ended(&self.log.since(&mut self.read.lock()));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
