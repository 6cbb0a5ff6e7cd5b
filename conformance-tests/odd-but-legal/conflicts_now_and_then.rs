//! Every third replace of a record that is there conflicts for no reason (S5 allows it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

#[async_trait]
impl Twist for Strange {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let spurious = {
            let mut calls = self.calls.lock();
            *calls += 1;
            calls.is_multiple_of(3)
        };
        if spurious && expected != Revision::MAX && store.find(next.selector).await?.is_some() {
            return Ok(Replace::Conflict);
        }
        store.replace(next, expected, change).await
    }
}
