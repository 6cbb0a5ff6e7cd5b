//! Every write is done on the server to its end, some milliseconds later, although its caller has gone (S13:
//! even after the drop).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let (store, record) = (store.clone(), record.clone());
        late(async move { store.insert(&record, fence).await }).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let (store, next, expected) = (store.clone(), call.next.clone(), call.expected);
        let (is_touch, is_ending) = (call.change == Change::Touch, matches!(call.change, Change::End(_)));
        late(async move {
            let note = Note::none();
            let change = match (is_touch, is_ending) {
                (true, _) => Change::Touch,
                (_, true) => Change::End(&note),
                _ => Change::Update,
            };
            store.replace(ReplaceCall { next: &next, expected, change }).await
        })
        .await
    }
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let store = store.clone();
        late(async move { store.delete(selector).await }).await
    }
    async fn revoke(&self, store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
        let (store, subject, filter) = (store.clone(), call.subject.clone(), call.filter.clone());
        let RevokeCall { action, update, .. } = call;
        late(async move {
            store.revoke(RevokeCall { subject: &subject, filter: &filter, action, update }).await
        })
        .await
    }
    async fn epoch(&self, store: &Base, call: EpochCall<'_>) -> Result<Epoch, StoreError> {
        let (store, subject, EpochCall { fresh, keep, now, .. }) =
            (store.clone(), call.subject.clone(), call);
        late(async move { store.epoch(EpochCall { subject: &subject, fresh, keep, now }).await }).await
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let store = store.clone();
        late(async move { store.purge(now, limit).await }).await
    }
}

async fn late<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    apart(async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        work.await
    })
    .await
}
