//! The table of epochs has a column of 191 characters: logging one user with a long name out turns away the
//! logins of another.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S11, "fence::a_long_subject_has_an_epoch_of_its_own")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        store.epoch(&cut(subject), fresh, keep, now).await
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let Fence::Epoch(_) = fence else { return store.insert(record, fence).await };
        let of_cut = Record { subject: record.subject.as_ref().map(cut), ..record.clone() };
        if !store.admits(&of_cut, fence).await? {
            return Ok(Insert::Fenced);
        }
        store.insert(record, Fence::None).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        store.set_epoch(&cut(subject), update).await?;
        store.revoke(subject, filter, action, EpochUpdate::Keep).await
    }
}

fn cut(subject: &Subject) -> Subject {
    let short: String = subject.as_str().chars().take(191).collect();
    Subject::new(short).unwrap_or_else(|_| subject.clone())
}
