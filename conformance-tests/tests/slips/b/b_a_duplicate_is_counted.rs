//! DynamoDB: the counter of a subject is raised by an update of its own before the conditional put, and a
//! put that is refused does not lower it again.
//! Breaks S2: after a `Duplicate` the number of records that an insert tells is one too high.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(a) → Inserted{1} → insert(a) → Duplicate → insert(b) → Inserted{3}.
#[derive(Default)]
struct Wrong {
    extra: Locked<HashMap<Subject, u32>>,
}

impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        let Some(subject) = &record.subject else { return Ok(answer) };
        let mut extra = self.extra.lock();
        let extra = extra.entry(subject.clone()).or_default();
        match answer {
            Insert::Inserted { of_subject } => {
                Ok(Insert::Inserted { of_subject: of_subject.map(|count| count + *extra) })
            }
            Insert::Duplicate => {
                *extra += 1;
                Ok(answer)
            }
            Insert::Fenced => Ok(answer),
        }
    }
}
