//! Every record's first replace conflicts for no reason, as under optimistic locking of whole pages (S5
//! allows it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    tried: Locked<HashSet<Selector>>,
}

impl Twist for Strange {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let first = self.tried.lock().insert(call.next.selector);
        if first && store.find(call.next.selector).await?.is_some() {
            return Ok(Replace::Conflict);
        }
        store.replace(call).await
    }
}
