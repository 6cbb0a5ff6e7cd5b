//! `delete` announces nothing: a user logs out, and every other node accepts the session for as long as it keeps it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn committed(&self, _: u64, posting: Posting<'_>) {
        if posting.sort != Sort::Delete {
            self.log.post(posting.selectors);
        }
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
