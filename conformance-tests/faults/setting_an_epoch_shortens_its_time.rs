//! A revocation writes epoch and time anew: an epoch that was promised for a day is gone after the hour of
//! the last call, and a login under way is turned away.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "expiry::no_call_shortens_the_time_of_an_epoch")]);

#[derive(Default)]
struct Wrong {
    until: Locked<HashMap<Subject, Timestamp>>,
    over: Locked<HashSet<Subject>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        if let (Fence::Epoch(_), Some(of)) = (fence, &record.subject)
            && self.over.lock().contains(of)
        {
            return Ok(Insert::Fenced);
        }
        store.insert(record, fence).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        if let EpochUpdate::Set { now, keep, .. } = call.update {
            self.until.lock().insert(call.subject.clone(), now.saturating_add(keep));
        }
        store.revoke(call).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let until = self.until.lock().clone();
        let over = until.into_iter().filter(|(_, until)| *until <= now).map(|(of, _)| of);
        self.over.lock().extend(over);
        store.purge(now, limit).await
    }
}
