//! Epochs are in an unlogged table: after a restart of the server the epoch of before "log out everywhere" is
//! back.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::of::<Wrong>(&[(S11, "outage::what_was_acknowledged_survives_a_restart_of_the_server")]);

#[derive(Default)]
struct Wrong;

impl Twist for Wrong {
    fn declared() -> Declared {
        Declared::everything()
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let forgotten = store.fault() == Some(Fault::Restart) && matches!(fence, Fence::Epoch(_));
        store.insert(record, if forgotten { Fence::None } else { fence }).await
    }
}
