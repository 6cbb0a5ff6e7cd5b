//! A revocation reads, then marks what has not changed meanwhile: a replace that comes in between saves its record.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[(S8, "race::x")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        which: &Which,
        action: Action,
        advance: Advance,
    ) -> Result<u64, StoreError> {
        store.advance(subject, advance).await?;
        let records = store.all(subject).await?;
        pause().await;
        let mut count = 0;
        for record in which.select(&records) {
            if store.find(record.selector).await?.is_some_and(|now| now.revision == record.revision) {
                count += u64::from(store.end(record, action).await?);
            }
        }
        Ok(count)
    }
}
