//! `find_many` asks for one batch of 100 and leaves the rest unasked.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[(S17, "find::many_may_be_none_or_some_hundreds")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn find_many(
        &self,
        store: &Base,
        selectors: &[Selector],
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let mut found = store.find_many(&selectors[..selectors.len().min(100)]).await?;
        found.resize(selectors.len(), None);
        Ok(found)
    }
}
