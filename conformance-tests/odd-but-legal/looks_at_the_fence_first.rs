//! An insert whose selector is taken and whose fence does not hold is fenced rather than a duplicate (S2 and
//! S11 both hold).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_insert(insert));

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    let answer = store.insert(record, fence).await?;
    Ok(if answer == Insert::Duplicate && !store.admits(record, fence).await? {
        Insert::Fenced
    } else {
        answer
    })
}
