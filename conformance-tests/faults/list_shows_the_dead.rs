//! An index entry outlives its record, and the list is made of the index: a device that was logged out is
//! still shown.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S9, "list::what_is_gone_is_not_listed"),
    (S9, "list::what_was_purged_is_not_listed"),
]);

#[derive(Default)]
struct Wrong {
    seen: Locked<BTreeMap<Selector, Record>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.seen.lock().insert(record.selector, record.clone());
        }
        Ok(answer)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        let seen: Vec<_> = self
            .seen
            .lock()
            .values()
            .filter(|record| record.subject.as_ref() == Some(subject))
            .cloned()
            .collect();
        for record in seen {
            if page.after.is_none() && store.find(record.selector).await?.is_none() {
                records.push(record);
            }
        }
        Ok(records)
    }
}
