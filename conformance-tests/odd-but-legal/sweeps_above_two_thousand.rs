//! A revocation of more than 2,000 records sets the epoch and then ends the records page by page, while other
//! calls go on (S8).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        if chosen(filter, &store.all(subject).await?).len() <= 2_000 {
            return store.revoke(subject, filter, action, update).await;
        }
        store.set_epoch(subject, update).await?;
        let records = store.all(subject).await?;
        let doomed = chosen(filter, &records);
        let mut count = 0;
        for page in doomed.chunks(500) {
            let logins: HashSet<_> = page.iter().map(|record| record.login).collect();
            for login in logins {
                let of_login = RecordFilter { logins: Logins::Only(login), ..filter.clone() };
                count += store.revoke(subject, &of_login, action, EpochUpdate::Keep).await?;
            }
            pause().await;
        }
        Ok(count)
    }
}
