//! A time to live collects by the clock of the backend, an hour after `purge_at`, counted from `updated_at`;
//! `purge_expired` removes nothing (S10).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    written: Locked<HashMap<Selector, (tokio::time::Instant, Duration)>>,
}

impl Twist for Strange {
    fn declared() -> Declared {
        Straight::declared().without(Capability::Purge, "a native time to live collects")
    }
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let over: Vec<_> = self
            .written
            .lock()
            .iter()
            .filter(|(_, (at, lives))| at.elapsed() >= *lives)
            .map(|(selector, _)| *selector)
            .collect();
        for selector in over {
            store.delete(selector).await?;
        }
        Ok(Box::new(()))
    }
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted() {
            self.wrote(record);
        }
        Ok(answer)
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let answer = store.replace(call).await?;
        if answer == Replace::Replaced {
            self.wrote(call.next);
        }
        Ok(answer)
    }
    async fn purge(&self, store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let _ = limit;
        store.purge(now, 0).await.map(|_| Purged { removed: 0, more: false })
    }
}

impl Strange {
    fn wrote(&self, record: &Record) {
        let lives = record.purge_at.since(record.updated_at).saturating_add(SLACK);
        self.written.lock().insert(record.selector, (tokio::time::Instant::now(), lives));
    }
}

const SLACK: Duration = Duration::from_secs(3_600);
