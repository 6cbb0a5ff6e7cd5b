//! The announcements are gone after a crash of the server, and with them the mark by which a feed would notice. This feed
//! does not look for it.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Posted<Wrong>>(&[(S19, "feed_fault::what_ends_around_a_restart_is_heard_or_lost")]);

#[derive(Debug, Default)]
struct Wrong {
    log: Log,
}

impl Board for Wrong {
    fn declared() -> Declared {
        served()
    }

    fn turn(&self, seat: &mut Seat, store: &Base, heard: &Heard) -> Result<Proven, StoreError> {
        let (starts, cuts) = store.faults();
        let new = self.log.since(&mut seat.at);
        if std::mem::replace(&mut seat.server, (starts, cuts)).0 == starts {
            heard.ended(&new);
        }
        Ok(Proven::ThisTurn)
    }

    fn log(&self) -> &Log {
        &self.log
    }
}
