//! Every third replace of a record that is there conflicts for no reason (S5 allows it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

impl Twist for Strange {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let spurious = {
            let mut calls = self.calls.lock();
            *calls += 1;
            calls.is_multiple_of(3)
        };
        if spurious && call.expected != Revision::MAX && store.find(call.next.selector).await?.is_some() {
            return Ok(Replace::Conflict);
        }
        store.replace(call).await
    }
}
