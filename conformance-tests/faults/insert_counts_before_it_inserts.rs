//! An insert says how many records the subject had, and not how many it has.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S2, "insert::the_number_of_a_subjects_records_is_exact_or_absent")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    Ok(match store.insert(record, fence).await? {
        Insert::Inserted { of_subject: Some(count) } => Insert::Inserted { of_subject: Some(count - 1) },
        other => other,
    })
}
