//! A record is written, and the index of its subject a moment later: a revocation in between does not see it.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S9, "cancel::a_dropped_insert_is_whole_or_nothing"),
    (S6, "history::each_subject_is_linearizable"),
]);

#[derive(Default)]
struct Wrong {
    late: Locked<BTreeSet<Selector>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.late.lock().insert(record.selector);
        let answer = store.insert(record, fence).await;
        pause().await;
        self.late.lock().remove(&record.selector);
        answer
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        records.retain(|record| !self.late.lock().contains(&record.selector));
        Ok(records)
    }
}
