//! The announcement is sent by a task of its own, after the ending was acknowledged: a turn in between proves what it has
//! not heard.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed::each_ending_is_heard_by_the_next_proof")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Arc<Log>,
}

impl Board for Wrong {
    fn committed(&self, _: u64, posting: Posting<'_>) {
        let (log, selectors) = (Arc::clone(&self.log), posting.selectors.to_vec());
        tokio::spawn(async move {
            pause().await;
            log.post(&selectors);
        });
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
