//! `purge_expired` removes nothing: the backend collects by a time to live of its own, an hour and more after
//! the time (S10).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    fn declared() -> Declared {
        Straight::declared().without(Capability::Purge, "a native time to live collects")
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _ = (store, now, limit);
        Ok(Purged { removed: 0, more: false })
    }
}
