//! The newest so many *records* are spared rather than logins: a browser with two tokens uses up the cap.

use crate::prelude::*;

pub(crate) const FAULT: Fault =
    Fault::of::<Wrong>(&[(S8, "subject::the_newest_logins_are_spared_with_all_their_records")]);

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
        let matching = records.iter().filter(|record| which.matches(record));
        let mut count = 0;
        for record in matching.skip(which.keep_newest as usize) {
            count += u64::from(store.end(record, action).await?);
        }
        Ok(count)
    }
}
