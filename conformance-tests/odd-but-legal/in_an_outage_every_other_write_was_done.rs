//! While the server does not answer every other write is done all the same, and each error says that it may have been
//! (S12).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

impl Twist for Strange {
    fn declared() -> Declared {
        served()
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await;
        if answer.is_ok() {
            return answer;
        }
        if self.arrives() {
            let _ = store.insert_unanswered(record, fence).await?;
        }
        answer.map_err(unknown)
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        store.replace(call).await.map_err(unknown)
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        store.revoke(call).await.map_err(unknown)
    }
}

impl Strange {
    fn arrives(&self) -> bool {
        let mut calls = self.calls.lock();
        *calls += 1;
        calls.is_multiple_of(2)
    }
}

fn unknown(error: StoreError) -> StoreError {
    match error {
        StoreError::Refused(_) => error,
        _ => StoreError::Timeout { source: "no answer".into(), outcome_unknown: true },
    }
}
