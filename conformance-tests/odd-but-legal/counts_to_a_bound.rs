//! An insert says how many records its subject has where there are fewer than four, and nothing above (S2: exact or
//! absent).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_insert(insert));

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    Ok(match store.insert(record, fence).await? {
        Insert::Inserted { of_subject: Some(4..) } => INSERTED,
        answer => answer,
    })
}
