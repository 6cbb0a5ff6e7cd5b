//! Every record's first replace conflicts for no reason, as under optimistic locking of whole pages (S5
//! allows it).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    tried: Locked<HashSet<Selector>>,
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
        let first = self.tried.lock().insert(next.selector);
        if first && store.find(next.selector).await?.is_some() {
            return Ok(Replace::Conflict);
        }
        store.replace(next, expected, change).await
    }
}
