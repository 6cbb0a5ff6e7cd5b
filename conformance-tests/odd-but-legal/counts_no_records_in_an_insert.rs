//! An insert does not say how many records its subject has (S2: exact or absent).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        Ok(if answer.is_inserted() { INSERTED } else { answer })
    }
}
