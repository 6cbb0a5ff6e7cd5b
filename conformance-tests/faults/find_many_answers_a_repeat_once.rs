//! `find_many` takes each record out of its map of rows: the second asker of the same selector gets nothing.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[(S17, "find::many_are_answered_in_the_order_asked")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn find_many(
        &self,
        store: &Base,
        selectors: &[Selector],
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let mut seen = HashSet::new();
        let found = store.find_many(selectors).await?;
        Ok(found
            .into_iter()
            .zip(selectors)
            .map(|(record, selector)| record.filter(|_| seen.insert(*selector)))
            .collect())
    }
}
