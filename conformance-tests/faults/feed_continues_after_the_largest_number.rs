//! A feed continues after the largest serial number that it has seen. Rows become visible in the order of their commits,
//! and one with a smaller number that commits later is never read.

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
        let seen = self.rows.lock().iter().map(|(number, _)| *number).max();
        Seat { at: usize::try_from(seen.unwrap_or(0)).unwrap_or(0), ..Seat::default() }
    }

    fn turn(&self, seat: &mut Seat, _: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let before = seat.at as u64;
        for (number, selectors) in self.rows.lock().iter().filter(|(number, _)| *number > before) {
            seat.at = seat.at.max(usize::try_from(*number).unwrap_or(0));
            heard.ended(selectors);
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
