//! The cap on logins evicts the newest login, which is the one that is being made.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[
    (S8, "subject::every_choice_matches_the_reference"),
    (S8, "login::the_cap_ends_the_oldest_login"),
]);

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
        let mut spared = Vec::new();
        for record in records.iter().rev().filter(|record| which.matches(record)) {
            if spared.len() < which.keep_newest as usize && !spared.contains(&record.login) {
                spared.push(record.login);
            }
        }
        let mut count = 0;
        for record in records.iter().filter(|record| which.matches(record) && !spared.contains(&record.login))
        {
            count += u64::from(store.end(record, action).await?);
        }
        Ok(count)
    }
}
