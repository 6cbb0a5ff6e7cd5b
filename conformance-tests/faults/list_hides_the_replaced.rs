//! An index entry is dropped without its record, as by a Redis index with a time to live of its own: a live
//! session is never listed.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "replace::a_replaced_record_stays_in_the_list_once")]);

#[derive(Default)]
struct Wrong {
    lost: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        self.lost.lock().insert(call.next.selector);
        store.replace(call).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        records.retain(|record| !self.lost.lock().contains(&record.selector));
        Ok(records)
    }
}
