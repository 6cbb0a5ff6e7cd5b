//! `delete` looks, then removes: two callers at once are both told that they removed it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S7, "race::of_many_deletes_one_found_the_record")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let there = store.find(selector).await?.is_some();
        pause().await;
        store.delete(selector).await?;
        Ok(there)
    }
}
