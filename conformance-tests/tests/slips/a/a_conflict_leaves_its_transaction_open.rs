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
    /// What a transaction saw that a conflict left open.
    open: Locked<HashMap<Selector, Option<Record>>>,
    /// The same while the next call runs, which ends the transaction unless it only finds.
    ending: Locked<HashMap<Selector, Option<Record>>>,
}

impl Twist for Wrong {
    const PER_HANDLE: bool = true;

    async fn before(&self, _: &Base) -> Result<Held, StoreError> {
        *self.ending.lock() = std::mem::take(&mut *self.open.lock());
        Ok(Box::new(()))
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let answer = store.replace(call).await?;
        if answer == Replace::Conflict {
            let seen = store.find(call.next.selector).await?;
            self.open.lock().insert(call.next.selector, seen);
        }
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let mut open = std::mem::take(&mut *self.ending.lock());
        let old = open.remove(&selector);
        *self.open.lock() = open;
        match old {
            Some(snapshot) => Ok(snapshot),
            None => store.find(selector).await,
        }
    }
}
