//! A read that is dropped never gives its connection back: after eight clients that hung up no client is
//! served.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "cancel::a_dropped_read_breaks_nothing")]);

#[derive(Default)]
struct Wrong {
    lent: Locked<u32>,
}

impl Twist for Wrong {
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if *self.lent.lock() >= 8 {
            return Err(StoreError::Unavailable("the pool is exhausted".into()));
        }
        *self.lent.lock() += 1;
        pause().await;
        let found = store.find(selector).await;
        *self.lent.lock() -= 1;
        found
    }
}
