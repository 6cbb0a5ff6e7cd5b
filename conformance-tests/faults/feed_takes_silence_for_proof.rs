//! A turn asks nothing: what has not arrived has not happened. While the server is down or frozen, or the connection is
//! gone, every turn proves everything.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Posted<Wrong>>(&[
    (S19, "feed_fault::a_stopped_server_proves_nothing"),
    (S19, "feed_fault::a_frozen_server_proves_nothing"),
    (S19, "feed_fault::a_connection_that_was_cut_proves_nothing"),
]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn declared() -> Declared {
        served()
    }

    const ASKS: bool = false;

    fn log(&self) -> &Log {
        &self.log
    }
}
