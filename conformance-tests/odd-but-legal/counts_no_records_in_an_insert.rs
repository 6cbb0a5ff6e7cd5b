//! An insert does not say how many records its subject has (S2: exact or absent).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_insert(insert));

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    Ok(if answer.is_inserted() { INSERTED } else { answer })
}
