//! The server still works on a purge whose caller went away. The next purge skips its rows and says that there
//! is more (S10), as one that does not wait for locks does.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    held: AtomicBool,
}

/// Holds the rows of a purge that is dropped half-way.
struct Rows<'a>(&'a AtomicBool);

impl Drop for Rows<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Twist for Strange {
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        if self.held.swap(false, Ordering::SeqCst) {
            return store.purge_expired(now, 0).await;
        }
        let rows = Rows(&self.held);
        give_way().await;
        std::mem::forget(rows);
        store.purge_expired(now, limit).await
    }
}
