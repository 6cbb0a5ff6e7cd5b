//! A restart of the server breaks the connection after the COMMIT; the pool's wrapper sends the insert again on a new
//! one, finds the selector taken and says so.
//! Breaks S12 and S2: the record was written by this call; core draws another selector, and an unknown login lives.

use crate::prelude::*;

// A sequence that shows it:
// the server restarts; the first insert of a record afterwards on each node: `Duplicate`, and find gives the record.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    resent: Locked<bool>,
}

#[async_trait]
impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    fn declared() -> Declared {
        served()
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        let restarted = store.trouble() == Some(Trouble::Restart);
        let mut resent = self.resent.lock();
        if restarted && !*resent && answer.is_inserted() {
            *resent = true;
            return Ok(Insert::Duplicate);
        }
        if !restarted {
            *resent = false;
        }
        Ok(answer)
    }
}
