//! A feed continues with the transactions that began after its last snapshot, and forgets those that were in progress
//! then: what they announced is never read.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed_load::whatever_was_acknowledged_before_a_proof_was_heard")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
    last: Locked<u64>,
    rows: Locked<Vec<(u64, Vec<Selector>)>>,
}

impl Board for Wrong {
    const PAUSES: bool = true;

    fn begun(&self, _: Posting<'_>) -> u64 {
        let mut last = self.last.lock();
        *last += 1;
        *last
    }

    fn committed(&self, number: u64, posting: Posting<'_>) {
        self.rows.lock().push((number, posting.selectors.to_vec()));
    }

    fn open(&self, _: &Base) -> Seat {
        Seat { at: usize::try_from(*self.last.lock()).unwrap_or(0), ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        // Rows of later transactions may be visible by now, and are read again.
        let (last, rows) = (usize::try_from(*self.last.lock()).unwrap_or(0), self.rows.lock());
        let before = seat.at as u64;
        rows.iter().filter(|(number, _)| *number > before).for_each(|(_, selectors)| heard.ended(selectors));
        seat.at = last;
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
