//! Announcements go through the memory of a process, and the records do not: what another node ends is not heard.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[
    (S19, "feed::each_ending_is_heard_by_the_next_proof"),
    (S19, "feed_near::what_one_node_ends_the_other_refuses_after_the_next_proof"),
]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    const PER_HANDLE: bool = true;

    fn log(&self) -> &Log {
        &self.log
    }
}
