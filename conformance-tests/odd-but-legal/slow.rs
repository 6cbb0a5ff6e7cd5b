//! Every fiftieth call takes ten milliseconds: a checkpoint, a full disk queue, a cold page.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

#[async_trait]
impl Twist for Strange {
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.wait().await;
        store.find(selector).await
    }
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.wait().await;
        store.replace(next, expected, change).await
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await;
        self.wait().await;
        answer
    }
    async fn revoke(
        &self,
        store: &Base,
        subject: &Subject,
        filter: &RecordFilter,
        action: Action,
        update: EpochUpdate,
    ) -> Result<u64, StoreError> {
        let answer = store.revoke(subject, filter, action, update).await;
        self.wait().await;
        answer
    }
}

impl Strange {
    async fn wait(&self) {
        let calls = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls
        };
        if calls.is_multiple_of(50) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
