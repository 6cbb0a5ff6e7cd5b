//! Every seventh call finds no connection and says so, having done nothing (S12): unavailable, never lying.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

impl Twist for Strange {
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let _ = store;
        let mut calls = self.calls.lock();
        *calls += 1;
        if calls.is_multiple_of(7) {
            return Err(StoreError::Unavailable("no connection".into()));
        }
        Ok(Box::new(()))
    }
}
