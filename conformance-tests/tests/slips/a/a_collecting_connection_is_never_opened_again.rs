//! Collecting has a connection of its own, outside of the pool, that is opened once: after an outage each purge fails on
//! this handle until it is closed.
//! Breaks S12: when the backend is back, the same handle works for every operation.

use crate::prelude::*;

// A sequence that shows it:
// stop the server; purge: Err; heal; purge on the same handle: Err, also 30 seconds later. Without a purge during the
// outage all is well.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    broken: Locked<bool>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        if *self.broken.lock() {
            return Err(StoreError::Unavailable("connection closed".into()));
        }
        let answer = store.purge(now, limit).await;
        *self.broken.lock() = answer.is_err();
        answer
    }
}
