//! A store that lets a test inspect, delay and fail each call.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{Note, Selector, StoreError, Subject, Timestamp};
use tokio::sync::Semaphore;

/// The calls that the bridge makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Delete,
    Find,
    Insert,
    Purge,
    Replace,
}

/// What the probe does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Passes it on.
    Pass,
    /// Answers that the selector is taken, or that the record was changed.
    Lose,
    /// Fails; nothing is written.
    Unavailable,
    /// Writes, and fails nevertheless.
    WrittenButUnknown,
    /// Fails with unknown outcome; nothing is written.
    Unknown,
    /// Passes it on when the gate is opened.
    Wait(Arc<Gate>),
}

/// Delays a call until the test lets it through.
#[derive(Debug)]
pub(crate) struct Gate {
    reached: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { reached: Semaphore::new(0), open: Semaphore::new(0) })
    }

    /// Waits until a call has reached the gate.
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    /// Lets one call through.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

type Rule = Box<dyn FnMut(Call) -> Then + Send>;

#[derive(Clone)]
pub(crate) struct Probe {
    inner: Arc<dyn TokenStore>,
    rule: Arc<Mutex<Rule>>,
    seen: Arc<Mutex<Seen>>,
}

/// Everything that the backend received.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    selectors: Vec<Selector>,
}

impl Probe {
    pub(crate) fn new(inner: impl TokenStore) -> Self {
        let rule: Rule = Box::new(|_| Then::Pass);
        Self { inner: Arc::new(inner), rule: Arc::new(Mutex::new(rule)), seen: Arc::default() }
    }

    /// Applies `rule` to each call from now on.
    pub(crate) fn rule(&self, rule: impl FnMut(Call) -> Then + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// Applies `then` to the next call of this kind, and passes all others on.
    pub(crate) fn next(&self, call: Call, then: Then) {
        let mut then = Some(then);
        self.rule(move |made| if made == call { then.take().unwrap_or(Then::Pass) } else { Then::Pass });
    }

    /// Returns everything that the backend received so far, as bytes and as text.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    /// Returns the selector of the last call that named one.
    pub(crate) fn last_selector(&self) -> Selector {
        *self.seen.lock().unwrap().selectors.last().unwrap()
    }

    fn note(&self, bytes: &[u8], text: &dyn fmt::Debug, selector: Selector) {
        let mut seen = self.seen.lock().unwrap();
        seen.bytes.extend_from_slice(bytes);
        seen.bytes.extend_from_slice(format!("{text:?}").as_bytes());
        seen.selectors.push(selector);
    }

    /// Applies the rule to a call. `lost` is the answer of a lost race, `None` for a call that cannot lose one.
    async fn ask<T>(
        &self,
        kind: Call,
        lost: Option<T>,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let unknown = || StoreError::Timeout { source: "no answer".into(), outcome_unknown: true };
        let then = (self.rule.lock().unwrap())(kind);
        match then {
            Then::Pass => call.await,
            Then::Lose => lost.map_or_else(|| panic!("{kind:?} cannot be lost"), Ok),
            Then::Unavailable => Err(StoreError::Unavailable("connection refused".into())),
            Then::WrittenButUnknown => call.await.and_then(|_| Err(unknown())),
            Then::Unknown => Err(unknown()),
            Then::Wait(gate) => {
                gate.pass().await;
                call.await
            }
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

#[async_trait::async_trait]
impl TokenStore for Probe {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.note(&record.encode(), record, record.selector);
        self.ask(Call::Insert, Some(Insert::Duplicate), self.inner.insert(record, fence)).await
    }

    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.note(&selector.0, &selector, selector);
        self.ask(Call::Find, None, self.inner.find(selector)).await
    }

    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.note(&next.encode(), next, next.selector);
        self.ask(Call::Replace, Some(Replace::Conflict), self.inner.replace(next, expected, change)).await
    }

    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.note(&selector.0, &selector, selector);
        self.ask(Call::Delete, None, self.inner.delete(selector, note)).await
    }

    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.inner.revoke_by_subject(subject, revocation).await
    }

    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.inner.list_by_subject(subject, page).await
    }

    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.inner.epoch(subject, fresh, keep, now).await
    }

    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.ask(Call::Purge, None, self.inner.purge_expired(now, limit)).await
    }
}
