//! The server still works on a purge whose caller went away. The next purges skip its rows and say that there
//! is more (S10), as a purge that does not wait for locks does.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    /// How many purges it takes until the server is done.
    held: AtomicU32,
}

/// Holds the rows of a purge that is dropped half-way.
struct Rows<'a>(&'a AtomicU32);

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        self.0.store(9, Ordering::SeqCst);
    }
}

impl Twist for Strange {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        if self.held.load(Ordering::SeqCst) > 0 {
            self.held.fetch_sub(1, Ordering::SeqCst);
            return store.purge(now, 0).await;
        }
        let rows = Rows(&self.held);
        give_way().await;
        std::mem::forget(rows);
        store.purge(now, limit).await
    }
}
