//! An insert says how many records of the subject live, and expired and marked ones are left out: core's cap
//! counts another number than the list shows.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S2, "insert::the_number_of_a_subjects_records_is_exact_or_absent")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    let Insert::Inserted { of_subject: Some(_) } = answer else { return Ok(answer) };
    let Some(subject) = &record.subject else { return Ok(answer) };
    let records = store.all(subject).await?;
    let living = records.iter().filter(|record| record.revoked.is_none()).count();
    Ok(Insert::Inserted { of_subject: u32::try_from(living).ok() })
}
