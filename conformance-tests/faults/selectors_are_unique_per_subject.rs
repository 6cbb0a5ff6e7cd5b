//! The primary key is subject and selector: another subject, and an anonymous session, may take a selector again.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_insert(insert), &[(S2, "insert::a_selector_is_taken_for_every_subject")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    match store.find(record.selector).await? {
        Some(old) if old.subject != record.subject && store.admits(record, fence).await? => {
            store.force(record).await?;
            Ok(INSERTED)
        }
        _ => store.insert(record, fence).await,
    }
}
