//! A revocation that is too large for one step ends page by page. The last pages are ended in another place of the code,
//! which announces nothing.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[(S19, "feed::a_revocation_of_ten_thousand_is_heard")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn committed(&self, _: u64, posting: Posting<'_>) {
        let selectors = posting.selectors;
        self.log.post(&selectors[..selectors.len().min(2_000)]);
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
