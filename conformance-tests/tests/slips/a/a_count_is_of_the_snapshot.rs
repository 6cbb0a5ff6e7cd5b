//! PostgreSQL, read committed: `SELECT count(*) + 1` and `INSERT` are two statements; two inserts at once count
//! each other neither way.
//! Breaks S2: the number is how many the subject has from then on, known in the step that inserts.

use crate::prelude::*;

// A sequence that shows it:
// insert A and B of u at the same time: both answer of_subject = Some(1). In any order of two single steps one of them
// answers Some(2). So the cap of logins is passed unseen.
pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let Some(subject) = &record.subject else { return store.insert(record, fence).await };
    let before = store.all(subject).await?.len();
    pause().await;
    let answer = store.insert(record, fence).await?;
    if answer.is_inserted() {
        return Ok(Insert::Inserted { of_subject: u32::try_from(before + 1).ok() });
    }
    Ok(answer)
}
