//! MongoDB: the revocation of one login reads its few records and marks each where its revision is still the
//! one that was read; a record that a request moved meanwhile is read once more, then passed over.
//! Breaks S8: a record is saved by a `replace` that races, and the revocation is acknowledged.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

// insert(r); at once: touch r again and again, and revoke(login(r.login), Mark) → 0, r is live.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let Logins::Only(_) = filter.logins else {
            return store.revoke(subject, filter, action, update).await;
        };
        if action == Action::Remove {
            return store.revoke(subject, filter, action, update).await;
        }
        if update != EpochUpdate::Keep {
            store.set_epoch(subject, update).await?;
        }
        let mut count = 0;
        let records = store.all(subject).await?;
        for record in chosen(filter, &records) {
            give_way().await;
            if store.end(record, action).await? {
                count += 1;
            } else if let Some(again) = store.find(record.selector).await? {
                give_way().await;
                count += u64::from(store.end(&again, action).await?);
            }
        }
        Ok(count)
    }
}
