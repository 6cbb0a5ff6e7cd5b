//! A list of announced selectors has a limit, and the shard is not named in its place: of a large revocation only the
//! first hundred are heard.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[(S19, "feed::a_revocation_of_hundreds_is_heard")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn committed(&self, _: u64, posting: Posting<'_>) {
        let selectors = posting.selectors;
        self.log.post(&selectors[..selectors.len().min(100)]);
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
