//! A revocation of more than 2,000 records sets the epoch and then ends the records page by page, while other
//! calls go on (S8).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_revoke(revoke));

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    if chosen(call.filter, &store.all(call.subject).await?).len() <= 2_000 {
        return store.revoke(call).await;
    }
    store.set_epoch(call.subject, call.update).await?;
    let records = store.all(call.subject).await?;
    let doomed = chosen(call.filter, &records);
    let mut count = 0;
    for page in doomed.chunks(500) {
        let logins: HashSet<_> = page.iter().map(|record| record.login).collect();
        for login in logins {
            let of_login = RecordFilter { logins: Logins::Only(login), ..call.filter.clone() };
            count +=
                store.revoke(RevokeCall { filter: &of_login, update: EpochUpdate::Keep, ..call }).await?;
        }
        pause().await;
    }
    Ok(count)
}
