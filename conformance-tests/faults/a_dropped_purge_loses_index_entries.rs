//! A purge removes index entries, then their records: a client that hangs up in between leaves records that
//! no list shows.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "cancel::a_dropped_purge_leaves_each_record_whole")]);

#[derive(Default)]
struct Wrong {
    hidden: Locked<BTreeSet<Selector>>,
}

impl Twist for Wrong {
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        records.retain(|record| !self.hidden.lock().contains(&record.selector));
        Ok(records)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let due = store.due(now).await?;
        self.hidden.lock().extend(due.iter().map(|record| record.selector));
        pause().await;
        store.purge(now, limit).await
    }
}
