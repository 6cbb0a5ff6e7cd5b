//! The announcement is a call of its own, whose failure is ignored: one in eight is lost.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    calls: Locked<u32>,
}

impl Board for Wrong {
    fn committed(&self, _: u64, posting: Posting<'_>) {
        let mut calls = self.calls.lock();
        *calls += 1;
        if !calls.is_multiple_of(8) {
            self.log.post(posting.selectors);
        }
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
