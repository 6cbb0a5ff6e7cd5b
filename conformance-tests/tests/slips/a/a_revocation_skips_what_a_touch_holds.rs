//! `FOR UPDATE SKIP LOCKED` was copied from the purge to the revocation, against deadlocks: a row that a touch holds at
//! that moment is passed over.
//! Breaks S8: none was saved by a `replace` that raced.

use crate::help::revoke_picked;
use crate::prelude::*;

// A sequence that shows it:
// insert A; at once: replace(A, Touch), revoke(u, all, Mark): `Replaced` and 0, and A lives on. Serially either the
// revocation counts 1 or the touch conflicts.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    held: Arc<Locked<HashSet<Selector>>>,
}

struct Held(Arc<Locked<HashSet<Selector>>>, Selector);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        if call.change != Change::Touch || !self.held.lock().insert(call.next.selector) {
            return store.replace(call).await;
        }
        let _held = Held(Arc::clone(&self.held), call.next.selector);
        pause().await;
        store.replace(call).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let held = self.held.lock().clone();
        let pick = |record: &Record| call.filter.matches(record) && !held.contains(&record.selector);
        revoke_picked(store, call, pick).await
    }
}
