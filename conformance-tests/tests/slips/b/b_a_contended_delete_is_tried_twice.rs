//! FoundationDB: the driver tries a transaction again after a conflict or an unknown commit; the answer is
//! that of the last try, which finds nothing to delete any more.
//! Breaks S7: `delete` says whether there was a record; of two deletes at once none says so, and the alarm or
//! event of the one that ended it is never told.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r); delete(r) twice at once, overlapping → false and false; r is gone. Alone: true.
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
struct Wrong {
    running: AtomicUsize,
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Twist for Wrong {
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let before = self.running.fetch_add(1, Ordering::SeqCst);
        let _running = Running(&self.running);
        give_way().await;
        let there = store.delete(selector).await?;
        give_way().await;
        let contended = before > 0 || self.running.load(Ordering::SeqCst) > 1;
        if there && contended { store.delete(selector).await } else { Ok(there) }
    }
}
