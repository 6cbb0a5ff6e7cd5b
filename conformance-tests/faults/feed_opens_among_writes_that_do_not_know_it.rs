//! A write looks whether there is a feed, then ends its records, and announces them if there was one. A feed that is opened
//! in between does not hear of them.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed_load::what_ends_while_a_feed_opens_is_heard")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    feeds: Locked<u64>,
    rows: Locked<Vec<(u64, Vec<Selector>)>>,
}

impl Board for Wrong {
    const PAUSES: bool = true;

    /// The number of feeds.
    fn begun(&self, _: Posting<'_>) -> u64 {
        *self.feeds.lock()
    }

    fn committed(&self, known: u64, posting: Posting<'_>) {
        self.rows.lock().push((known, posting.selectors.to_vec()));
    }

    fn open(&self, _: &Base) -> Seat {
        let mut feeds = self.feeds.lock();
        *feeds += 1;
        Seat { at: usize::try_from(*feeds).unwrap_or(0), ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let (rows, number) = (self.rows.lock(), seat.at as u64);
        rows.iter().filter(|(known, _)| *known >= number).for_each(|(_, selectors)| heard.ended(selectors));
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
