//! The purposes become `… AND purpose = 1 OR purpose = 3`, and OR binds weaker: every further purpose is ended whatever
//! its kind and login. All three purposes add no condition, and one no OR.
//! Breaks S8: kind, purpose and login are conditions that all hold at once.

use super::help::revoke_picked;
use crate::prelude::*;

// A sequence that shows it:
// insert A (device, login 1) and B (single-use, login 2); revoke(u, login Only(1), NOT_KEYS, Remove): B is gone, too.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

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
        let purposes: Vec<_> = filter.purposes.iter().collect();
        if filter.purposes == Purposes::ALL || purposes.len() < 2 {
            return store.revoke(subject, filter, action, update).await;
        }
        let first = filter.clone().purposes(purposes[0]);
        let pick = |record: &Record| first.matches(record) || purposes[1..].contains(&record.purpose);
        revoke_picked(store, subject, filter, action, update, pick).await
    }
}
