//! A replace that finds its very bytes there takes them for its own earlier send (S5: all bytes equal, and nothing
//! less).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let answer = store.replace(next, expected, change).await?;
        if answer == Replace::Conflict && store.find(next.selector).await?.as_ref() == Some(next) {
            return Ok(Replace::Replaced);
        }
        Ok(answer)
    }
}
