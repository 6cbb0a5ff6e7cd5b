//! A replace that conflicts returns before ROLLBACK, at repeatable read: its connection goes back to the pool inside the
//! old snapshot, and if the node's next call is a look-up of that record, it reads from it. Any other call begins anew.
//! Breaks S6: what was acknowledged on another node is not seen.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A, a wrong revision) on node 1: `Conflict`; revoke(u, all, Mark) on node 2; find(A) on node 1: a live
// record, once. Without the conflict before it all is well.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    open: Locked<HashMap<Selector, Option<Record>>>,
}

#[async_trait]
impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.open.lock().clear();
        let answer = store.replace(next, expected, change).await?;
        if answer == Replace::Conflict {
            let seen = store.find(next.selector).await?;
            self.open.lock().insert(next.selector, seen);
        }
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let old = self.open.lock().remove(&selector);
        match old {
            Some(snapshot) => Ok(snapshot),
            None => store.find(selector).await,
        }
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.open.lock().clear();
        store.insert(record, fence).await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        self.open.lock().clear();
        store.delete(selector).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.open.lock().clear();
        store.revoke(subject, filter, action, update).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        self.open.lock().clear();
        store.list(subject, page).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        self.open.lock().clear();
        store.epoch(subject, fresh, keep, now).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.open.lock().clear();
        store.purge(now, limit).await
    }
}
