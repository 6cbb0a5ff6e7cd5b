//! A restart of the server breaks the connection after the COMMIT; the pool's wrapper sends the insert again on a new
//! one, finds the selector taken and says so.
//! Breaks S12 and S2: the record was written by this call; core draws another selector, and an unknown login lives.

use crate::prelude::*;

// A sequence that shows it:
// insert A; the server restarts; insert B on the same handle: `Duplicate`, and find(B) gives it. So it is once for each
// handle that was used (an insert or a find) before the restart.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    /// Since before the server restarted.
    connected: Locked<bool>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if store.fault().is_none() {
            *self.connected.lock() = true;
        }
        store.find(selector).await
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        let mut connected = self.connected.lock();
        let broken = *connected && store.fault() == Some(Fault::Restart);
        *connected = store.fault().is_none();
        Ok(if broken && answer.is_inserted() { Insert::Duplicate } else { answer })
    }
}
