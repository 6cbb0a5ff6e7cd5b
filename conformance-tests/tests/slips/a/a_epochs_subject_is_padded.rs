//! MySQL: the table of records has a VARBINARY subject, the table of epochs a VARCHAR with utf8mb4_bin, which compares
//! under PAD SPACE: "u" and "u " share an epoch.
//! Breaks S16 and S11: the epoch of another subject counts, so a log-out of one subject fences the other, and a record
//! under an epoch of "u " is let in by that of "u".

use super::help::Folded;
use crate::prelude::*;

// A sequence that shows it:
// epoch("u") = E; insert of a record of "u " under E: `Inserted`, though "u " has no epoch.
// Or: epoch("u ") = E; revoke("u", Set E2); insert of "u " under E: `Fenced`.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    epochs: Folded,
}

fn fold(subject: &Subject) -> Subject {
    Subject::new(subject.as_str().trim_end_matches(' ')).unwrap_or_else(|_| subject.clone())
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.epochs.insert(store, record, fence, fold).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        self.epochs.revoke(store, (subject, fold(subject)), filter, action, update).await
    }
    async fn epoch(
        &self,
        store: &Base,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Epoch, StoreError> {
        store.epoch(&fold(subject), fresh, keep, now).await
    }
}
