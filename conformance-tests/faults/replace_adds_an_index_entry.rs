//! Each `replace` adds an entry to the index of the subject and none is taken away: a device is listed again
//! and again.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "replace::a_replaced_record_stays_in_the_list_once")]);

#[derive(Default)]
struct Wrong {
    replaced: Locked<HashSet<Selector>>,
}

impl Twist for Wrong {
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced {
            self.replaced.lock().insert(call.next.selector);
        }
        Ok(answer)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let records = store.list(subject, page).await?;
        let twice = |record: Record| {
            vec![record.clone(); if self.replaced.lock().contains(&record.selector) { 2 } else { 1 }]
        };
        Ok(records.into_iter().flat_map(twice).collect())
    }
}
