//! The announcement is a step of its own and comes first: a cache forgets the record, reads it once more while it still
//! lives, and keeps it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed_load::what_is_heard_is_seen_by_every_find")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    const PAUSES: bool = true;

    fn begun(&self, posting: Posting<'_>) -> u64 {
        self.log.post(posting.selectors);
        0
    }

    fn committed(&self, _: u64, _: Posting<'_>) {}

    fn log(&self) -> &Log {
        &self.log
    }
}
