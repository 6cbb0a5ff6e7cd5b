//! A duplicate is reported as one, but the index of the subject has taken it up already.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "insert::a_duplicate_leaves_no_trace_in_the_list")]);

#[derive(Default)]
struct Wrong {
    ghosts: Locked<Vec<Record>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer == Insert::Duplicate {
            self.ghosts.lock().push(record.clone());
        }
        Ok(answer)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        let of_page =
            |ghost: &&Record| ghost.subject.as_ref() == Some(subject) && page.kinds.contain(&ghost.kind);
        records.extend(self.ghosts.lock().iter().filter(of_page).cloned());
        Ok(records)
    }
}
