//! `find_many` answers in the order of the index: `WHERE selector IN (…)`, zipped with what was asked.

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
        let mut found = store.find_many(selectors).await?;
        found.sort_by_key(|record| std::cmp::Reverse(record.as_ref().map(|record| record.selector)));
        Ok(found)
    }
}
