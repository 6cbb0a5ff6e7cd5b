//! A write waits for the next commit of a group, which comes every four milliseconds (S12, S14): it is acknowledged
//! late and seen at once.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    group: tokio::sync::Mutex<()>,
}

impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await;
        self.commit().await;
        answer
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let answer = store.replace(call).await;
        self.commit().await;
        answer
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let answer = store.delete(selector).await;
        self.commit().await;
        answer
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let answer = store.revoke(call).await;
        self.commit().await;
        answer
    }
}

impl Strange {
    async fn commit(&self) {
        if let Ok(_first) = self.group.try_lock() {
            tokio::time::sleep(Duration::from_millis(4)).await;
        } else {
            drop(self.group.lock().await);
        }
    }
}
