//! An insert whose selector is taken and whose fence does not hold is fenced rather than a duplicate (S2 and
//! S11 both hold).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        Ok(if answer == Insert::Duplicate && !store.admits(record, fence).await? {
            Insert::Fenced
        } else {
            answer
        })
    }
}
