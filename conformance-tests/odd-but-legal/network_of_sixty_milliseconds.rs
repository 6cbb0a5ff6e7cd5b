//! Every call takes sixty milliseconds: the database is on another continent (S12 counts seconds). Cases with
//! thousands of records end all the same.

use crate::prelude::*;

pub(crate) const ODD: Odd =
    Odd::of::<Strange>().only(&["subject::two_thousand_five_hundred", "list::a_thousand_devices"]);

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        tokio::time::sleep(Duration::from_millis(60)).await;
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        tokio::time::sleep(Duration::from_millis(60)).await;
        store.find(selector).await
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        tokio::time::sleep(Duration::from_millis(60)).await;
        store.revoke(subject, filter, action, update).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        tokio::time::sleep(Duration::from_millis(60)).await;
        store.list(subject, page).await
    }
}
