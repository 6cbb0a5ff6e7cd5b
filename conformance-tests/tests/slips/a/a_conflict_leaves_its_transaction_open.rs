//! A replace that conflicts returns before ROLLBACK, at repeatable read: its connection goes back to the pool inside the
//! old snapshot, and the next look-up of that record on this node reads from it.
//! Breaks S6: what was acknowledged on another node is not seen.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A, a wrong revision) on node 1: `Conflict`; revoke(u, all, Mark) on node 2; find(A) on node 1: a live
// record, once. Without the conflict before it all is well.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

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
}
